"""Where the media nodes of this machine live: the socket, UDP port and log of each by its number; and starting one.

Node 1 has the socket and the port of the settings as they stand, node 2 `media-2.sock` and the next port, and so on.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from server.config import ROOT, Settings

# Keys and packets in the making come from one heap, in pages of 2 MB where the kernel gives these to whoever asks for
# them. A voice for 90 touches the keys of each: spread over many small pages they are slow to find, and how well they
# fit the caches is left to chance, by a tenth of what a packet costs from one start of the node to the next.
MEMORY = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=16777216"}


@dataclass(frozen=True, kw_only=True)
class NodePlace:
    """One node's place; `udp_port` 0 is any free one."""

    number: int
    socket: Path
    log_file: Path
    udp_port: int
    addresses: tuple[str, ...]
    call_address: str
    call_ports: tuple[int, int]

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the node in a session of its own, so that it outlives this process."""
        arguments = ["--socket", str(self.socket), "--udp-port", str(self.udp_port)]
        for address in self.addresses:
            arguments += ["--address", address]
        arguments += ["--call-address", self.call_address, "--call-ports", *map(str, self.call_ports)]
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "server.media.node", *arguments],
                cwd=ROOT,
                env=MEMORY | os.environ,  # who runs the server may know better
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def place(settings: Settings, number: int) -> NodePlace:
    """The place of a node by its number, from 1."""
    media = settings.media
    log_file = settings.path(settings.storage.data) / "media.log"
    return NodePlace(
        number=number,
        socket=_numbered(settings.path(media.socket), number),
        log_file=_numbered(log_file, number),
        udp_port=media.udp_port and media.udp_port + number - 1,
        addresses=tuple(media.addresses),
        call_address=settings.telephone.host,
        call_ports=(settings.telephone.first_rtp_port, settings.telephone.last_rtp_port),
    )


def surplus(settings: Settings) -> list[int]:
    """Numbers above `media.nodes` that have a socket: nodes of earlier settings, perhaps with meetings in them."""
    first = settings.path(settings.media.socket)
    found = (path.stem.removeprefix(f"{first.stem}-") for path in first.parent.glob(f"{first.stem}-*{first.suffix}"))
    return sorted(int(number) for number in found if number.isdecimal() and int(number) > settings.media.nodes)


def _numbered(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")
