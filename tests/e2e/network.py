"""A network of the test's own: a namespace for the browser, linked to us by a veth pair that can be made silent."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = Path("/etc/netns")
NOBODY = ("lladdr", "02:00:00:00:00:01", "nud", "permanent")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


class Link:
    """`here` is our address, `there` the browser's; programs run over there with `command`."""

    def __init__(self, namespace: str, here: str, there: str, devices: tuple[str, str]) -> None:
        self.namespace, self.here, self.there = namespace, here, there
        self.our_device, self.device = devices

    def command(self, *program: str) -> list[str]:
        """The command line that runs a program in the namespace."""
        return ["ip", "netns", "exec", self.namespace, *program]

    def program(self, folder: Path, name: str) -> list[str]:
        """A script in `folder` that runs the program there, for whoever starts programs by one name."""
        script = folder / f"{Path(name).name}-there"
        script.write_text(f'#!/bin/sh\nexec {" ".join(self.command(name))} "$@"\n')
        script.chmod(0o755)
        return [str(script)]

    def know(self, *names: str) -> None:
        """Let programs that are started over there find these names at our address, without any name service."""
        folder = NAMES / self.namespace  # `ip netns exec` puts its files over those of /etc
        folder.mkdir(parents=True)
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{self.here} {' '.join(names)}\n")

    def block_udp(self) -> None:
        """Let no UDP out over there, as many offices do; a firewall does not tell."""
        self._block("meta l4proto udp counter drop")

    def _block(self, rule: str) -> None:
        """Add a rule to those for what leaves over there."""
        for line in (
            "add table inet block",
            "add chain inet block out { type filter hook output priority 0 ; }",
            f"add rule inet block out {rule}",
        ):
            subprocess.run(self.command("nft", *line.split()), check=True, capture_output=True, text=True)

    def only_https(self) -> None:
        """Let nothing out over there but TCP to port 443: no UDP, no name service, no other port."""
        for rule in (
            "oifname lo accept",
            "tcp dport 443 accept",
            "meta l4proto udp counter drop",
            "counter drop",
        ):
            self._block(rule)

    def udp_blocked(self) -> int:
        """How many packets the block has dropped."""
        listed = subprocess.run(
            self.command("nft", "list", "table", "inet", "block"), check=True, capture_output=True, text=True
        )
        found = re.search(r"counter packets (\d+)", listed.stdout)
        assert found is not None, listed.stdout
        return int(found[1])

    def rebind(self) -> None:
        """From now on UDP leaves over there from other ports, as with a NAT that has forgotten its bindings."""
        for line in (
            "add table ip rebind",
            "add chain ip rebind out { type filter hook output priority 0 ; }",
            "add chain ip rebind in { type filter hook prerouting priority 0 ; }",
            "add rule ip rebind out udp sport set udp sport ^ 1",
            "add rule ip rebind in udp dport set udp dport ^ 1",
        ):
            subprocess.run(self.command("nft", *line.split()), check=True, capture_output=True, text=True)

    def renumber(self, last: int) -> str:
        """Take the other end's address away and give it another (Wi-Fi to 4G); gives it."""
        old, self.there = self.there, f"{self.there.rpartition('.')[0]}.{last}"
        _ip("-n", self.namespace, "addr", "del", f"{old}/24", "dev", self.device)
        _ip("-n", self.namespace, "addr", "add", f"{self.there}/24", "dev", self.device)
        return self.there

    def cut(self) -> None:
        """Lose every packet both ways; neither side is told (as when a phone enters a tunnel).

        The frames go to a station that is not there. A route or a firewall that drops them would tell the sender, and a
        browser gives up a socket for that.
        """
        _ip("-n", self.namespace, "neigh", "replace", self.here, *NOBODY, "dev", self.device)
        _ip("neigh", "replace", self.there, *NOBODY, "dev", self.our_device)

    def mend(self) -> None:
        """Let packets through again."""
        _ip("-n", self.namespace, "neigh", "del", self.here, "dev", self.device)
        _ip("neigh", "del", self.there, "dev", self.our_device)


@contextmanager
def link() -> Iterator[Link]:
    """Make the namespace and the pair, and take them away afterwards. Needs root."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root: run the tests as root, or in a container of their own")
    mark = secrets.token_hex(3)
    namespace, ours, theirs = f"gb-{mark}", f"gba{mark}", f"gbb{mark}"
    subnet = f"10.{64 + secrets.randbelow(63)}.{secrets.randbelow(256)}"
    made = Link(namespace, f"{subnet}.1", f"{subnet}.2", (ours, theirs))
    _ip("netns", "add", namespace)
    try:
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", namespace)
        # No IPv6 address may turn up seconds later: a browser that sees its network change drops what it loads.
        _ip("link", "set", ours, "addrgenmode", "none")
        _ip("-n", namespace, "link", "set", theirs, "addrgenmode", "none")
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
        _ip("netns", "del", namespace)
        shutil.rmtree(NAMES / namespace, ignore_errors=True)
