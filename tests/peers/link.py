"""A bad link for tests and benches, where the kernel has no netem: `link.c`, compiled when it is needed.

with emulated(seed=1) as link:                      # link.near is an address of ours, link.far one over there
    subprocess.run(link.command("ping", link.near))  # runs on the far side, in a network namespace of its own
    link.set(down=Way(rate=64_000, loss=0.1), up=Way(rate=64_000))
    link.counters()["down"].bytes

Down is from us to the far side. A packet waits in a drop-tail queue for the wire of `rate`, is perhaps lost in the air
behind it, and arrives after `delay` and a share of `jitter`. What is lost in the air has used the wire.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of unshare(2)


@dataclass(frozen=True)
class Way:
    """One direction; sizes and rates are of IP packets. As it comes: a link without any fault.

    `rate` is in bit/s (0: without limit), `queue` in seconds of it but never less than `least` bytes; a full queue
    drops large and small packets alike. `delay` is in seconds, one way. `jitter` adds up to so many seconds: in order,
    a new value ten times a second; with `reorder` a new one for each packet. `loss` is the mean share that is lost;
    with `burst` above 1 in bursts of so many packets on average (Gilbert). In an `outage` everything that enters is
    lost.
    """

    rate: float = 0
    queue: float = 0.3
    least: int = 6000
    delay: float = 0
    jitter: float = 0
    reorder: bool = False
    loss: float = 0
    burst: float = 1
    outage: bool = False

    def words(self) -> str:
        """As `link.c` reads it."""
        return " ".join(f"{name}={float(value):.9g}" for name, value in asdict(self).items())


@dataclass(frozen=True)
class Counters:
    """What one direction has done so far: what came in, what arrived, and where the rest was lost.

    `gaps` counts the runs of packets lost in the air: `lost / gaps` is their mean length.
    """

    packets_in: int
    bytes_in: int
    packets: int
    bytes: int
    queue_dropped: int
    lost: int
    gaps: int
    outage_dropped: int


class Link:
    """A running emulator; `near` and `far` are the addresses of its two ends, `namespace` that of the far one."""

    def __init__(self, process: subprocess.Popen[str], namespace: str, near: str, far: str) -> None:
        self.pid, self.namespace, self.near, self.far = process.pid, namespace, near, far
        self._process = process

    def command(self, *program: str) -> list[str]:
        """The command line that runs a program on the far side."""
        return ["ip", "netns", "exec", self.namespace, *program]

    def set(self, down: Way | None = None, up: Way | None = None) -> None:
        """Change one direction or both; holds for what enters from now on."""
        for name, way in (("down", down), ("up", up)):
            if way is not None:
                answer = self._ask(f"{name} {way.words()}")
                assert answer == "ok", answer

    def counters(self) -> dict[str, Counters]:
        """The counters of "down" and "up" since the start."""
        return {name: Counters(**found) for name, found in json.loads(self._ask("stats")).items()}

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"the link has ended ({self._process.wait(5)})")
        return answer


def own_network() -> None:
    """Move this process, and those that it will start, into a network without any way out. Needs root."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET): network namespaces need root")
    _ip("link", "set", "lo", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _compile(folder: str) -> str:
    program = str(Path(folder, "link"))
    source = Path(__file__).with_name("link.c")
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, str(source)], check=True)
    return program


def _addresses(namespace: str, devices: tuple[str, str]) -> tuple[str, str]:
    """Put the far device into its namespace and give both ends an address."""
    subnet = f"10.{64 + secrets.randbelow(63)}.{secrets.randbelow(256)}"
    near, far = f"{subnet}.1", f"{subnet}.2"
    _ip("link", "set", devices[1], "netns", namespace)
    _ip("addr", "add", f"{near}/24", "dev", devices[0])
    _ip("link", "set", devices[0], "up", "multicast", "off")  # other programs announce themselves on every device
    _ip("-n", namespace, "addr", "add", f"{far}/24", "dev", devices[1])
    _ip("-n", namespace, "link", "set", devices[1], "up")
    _ip("-n", namespace, "link", "set", "lo", "up")
    _ip("-n", namespace, "route", "add", "default", "dev", devices[1])
    return near, far


@contextmanager
def emulated(seed: int = 1) -> Iterator[Link]:
    """Make the far namespace, both devices and the process between them; take all away afterwards. Needs root."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root: run the tests as root, or in a container of their own")
    mark = secrets.token_hex(3)
    namespace, devices = f"gb-{mark}", (f"gbn{mark}", f"gbf{mark}")
    pipe = subprocess.PIPE
    with tempfile.TemporaryDirectory(prefix="link") as folder:
        command = [_compile(folder), str(seed), *devices]
        _ip("netns", "add", namespace)
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n", "the link did not start"
            yield Link(process, namespace, *_addresses(namespace, devices))
        finally:
            process.communicate(timeout=10)  # it ends with its input
            _ip("netns", "del", namespace)
