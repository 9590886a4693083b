"""coturn, started as a real server starts it (config/deploy/turn.sh), with a certificate made for it."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.certificate import own_certificate
from server.config import ROOT
from tests.e2e.harness import until

SCRIPT = ROOT / "config" / "deploy" / "turn.sh"


class Relay:
    """A running coturn; `log` is what it has said."""

    def __init__(self, folder: Path, address: str, secret: str) -> None:
        self.folder, self.address, self.secret = folder, address, secret
        self.port, self.tls_port = _free_port(address), _free_port(address)
        self.certificate, self.key = own_certificate(folder, [address])

    def renew(self) -> None:
        """A new certificate in the place of the old one, as a front server that renews puts it there."""
        self.certificate.unlink()
        own_certificate(self.folder, [self.address])

    def urls(self, *kinds: str) -> list[str]:
        """Addresses for pages: of "udp", "tcp", "tls" those named."""
        port, tls = f"{self.address}:{self.port}", f"{self.address}:{self.tls_port}"
        all_ = {
            "udp": f"turn:{port}?transport=udp",
            "tcp": f"turn:{port}?transport=tcp",
            "tls": f"turns:{tls}?transport=tcp",
        }
        return [all_[kind] for kind in kinds]

    @property
    def log(self) -> str:
        return (self.folder / "turn.log").read_text("utf-8", "replace")


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@contextmanager
def relay(
    folder: Path, address: str, peers: str | None = None, look_seconds: int = 3600, **others: str
) -> Iterator[Relay]:
    """coturn on `address`, allowed to reach `peers` (by default that address); ended afterwards. Needs root.

    `others` are of the script's environment: a certificate that is not the relay's own, ...
    """
    folder.mkdir()
    run = tempfile.TemporaryDirectory(prefix="gb-turn-")  # pytest's own folders are closed to coturn's user
    made = Relay(folder, address, secrets.token_hex(16))
    made.port = int(others.get("TURN_PORT", made.port))
    environment = {
        "PATH": os.environ["PATH"],
        "TURN_SECRET": made.secret,
        "TURN_REALM": "turn.giaoban.example",
        "TURN_PEERS": peers or address,
        "TURN_CERTIFICATE": str(made.certificate).replace("certificate", "cert*"),
        "TURN_KEY": str(made.key),
        "TURN_ADDRESS": address,
        "TURN_PORT": str(made.port),
        "TURN_TLS_PORT": str(made.tls_port),
        "TURN_FOLDER": run.name,
        "TURN_LOOK": str(look_seconds),
        **others,
    }
    with (folder / "turn.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", str(SCRIPT)], env=environment, stdout=log, stderr=log, start_new_session=True, cwd=folder
        )
    try:
        until(lambda: _answers(address, made.port) and _answers(address, made.tls_port), 20, "coturn listens")
        yield made
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what the script has started and left
            process.wait()
        run.cleanup()


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True
