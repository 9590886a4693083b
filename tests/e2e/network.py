"""A network of the test's own: a namespace for the browser, linked to us by a veth pair that can be made silent."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Link:
    """`here` is our address, `there` the browser's; programs run over there with `command`."""

    def __init__(self, namespace: str, here: str, there: str) -> None:
        self.namespace, self.here, self.there = namespace, here, there

    def command(self, *program: str) -> list[str]:
        """The command line that runs a program in the namespace."""
        return ["ip", "netns", "exec", self.namespace, *program]

    def cut(self) -> None:
        """Lose every packet both ways; neither side is told (as when a phone enters a tunnel)."""
        _ip("-n", self.namespace, "route", "add", "blackhole", f"{self.here}/32")
        _ip("route", "add", "blackhole", f"{self.there}/32")

    def mend(self) -> None:
        """Let packets through again."""
        _ip("-n", self.namespace, "route", "del", "blackhole", f"{self.here}/32")
        _ip("route", "del", "blackhole", f"{self.there}/32")


@contextmanager
def link() -> Iterator[Link]:
    """Make the namespace and the pair, and take them away afterwards. Needs root."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root: run the tests as root, or in a container of their own")
    mark = secrets.token_hex(3)
    namespace, ours, theirs = f"gb-{mark}", f"gba{mark}", f"gbb{mark}"
    subnet = f"10.{64 + secrets.randbelow(63)}.{secrets.randbelow(256)}"
    made = Link(namespace, f"{subnet}.1", f"{subnet}.2")
    _ip("netns", "add", namespace)
    try:
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", namespace)
        _ip("addr", "add", f"{made.here}/24", "dev", ours)
        _ip("link", "set", ours, "up")
        for arguments in (
            ("addr", "add", f"{made.there}/24", "dev", theirs),
            ("link", "set", theirs, "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", namespace, *arguments)
        yield made
    finally:
        subprocess.run(["ip", "route", "del", "blackhole", f"{made.there}/32"], check=False, capture_output=True)
        _ip("netns", "del", namespace)
