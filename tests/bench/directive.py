"""One directive to a thousand connected units: from the commit to the last client, and the server's CPU.

Beside it, in the same run, Node's socket.io 4.8 with the same clients, which acknowledge, but without a database. The
server has core 0 to itself, the clients (one C process) core 1.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server.config import ROOT
from tests.bench.directive_server import seed
from tests.bench.figures import Figure, compared, percentile
from tests.bench.load import cpu_seconds

PEER = "socket.io 4.8 (Node, no database)"
PEER_FOLDER = ROOT / ".cache" / "bench-socket.io"
WARM_UP = 10
SETTLE_SECONDS = 0.3  # acknowledgements are written within this time; their cost counts
SERVER_CORE, LOAD_CORE = "0", "1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--directives", type=int, default=50, help="in each run")
    parser.add_argument("--runs", type=int, default=3, help="of each side, interleaved")


@dataclass
class Result:
    """Milliseconds from the commit to the last client, one for each directive; CPU milliseconds of the server."""

    last: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0


class Process:
    """A process on one core that is driven by lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def word(self, name: str) -> list[int]:
        """The numbers of its next line, which must begin with `name`."""
        assert self.process.stdout
        line = (await asyncio.wait_for(self.process.stdout.readline(), 120)).decode().split()
        if not line or line[0] != name:
            raise RuntimeError(f"expected {name!r}, got {line!r}")
        return [int(part) for part in line[1:]]

    def go(self) -> None:
        """Send an empty line."""
        assert self.process.stdin
        self.process.stdin.write(b"\n")

    def cpu_ms(self) -> float:
        """CPU time of all its threads so far."""
        return 1000 * cpu_seconds(self.process.pid)


@asynccontextmanager
async def process(core: str, *command: str) -> AsyncIterator[Process]:
    """Run a command pinned to a core; it ends when its input is closed."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec("taskset", "-c", core, *command, stdin=pipe, stdout=pipe, cwd=ROOT)
    try:
        yield Process(child)
    finally:
        if child.stdin:
            child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), 15)
        except TimeoutError:
            child.kill()
            await child.wait()


async def measure(clients: Path, options: argparse.Namespace, *server_command: str) -> Result:
    """One run: start, connect all, warm up, issue one after the other."""
    found = Result()
    async with process(SERVER_CORE, *server_command) as server:
        (port,) = await server.word("port")
        async with process(LOAD_CORE, str(clients), str(port), str(options.clients), "2") as load:
            await load.word("open")
            await asyncio.sleep(1)
            for number in range(-WARM_UP, options.directives):
                before = server.cpu_ms()
                server.go()
                (committed,) = await server.word("committed")
                last, _median = await load.word("last")
                await asyncio.sleep(SETTLE_SECONDS)
                if number >= 0:
                    found.last.append((last - committed) / 1e6)
                    found.cpu_ms += (server.cpu_ms() - before) / options.directives
    return found


async def _run_quietly(*command: str, cwd: Path | None = None) -> None:
    child = await asyncio.create_subprocess_exec(*command, cwd=cwd)
    if await child.wait() != 0:
        raise RuntimeError(f"failed: {' '.join(command)}")


async def peer_command() -> list[str] | None:
    """The command of the peer, installed at the first use; None without Node."""
    if not (shutil.which("node") and shutil.which("npm")):
        print("no Node on this machine: the peer is left out", file=sys.stderr)
        return None
    if not (PEER_FOLDER / "node_modules" / "socket.io").is_dir():
        PEER_FOLDER.mkdir(parents=True, exist_ok=True)
        (PEER_FOLDER / "package.json").write_text('{"private": true}\n')
        await _run_quietly("npm", "install", "--silent", "--no-audit", "--no-fund", "socket.io@~4.8", cwd=PEER_FOLDER)
    return ["node", "tests/bench/directive_peer.js", str(PEER_FOLDER)]


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Interleaved runs of ours and the peer."""
    peer = await peer_command()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clients = folder / "clients"
        await _run_quietly("gcc", "-O2", "-o", str(clients), "tests/bench/directive_clients.c", cwd=ROOT)
        for number in range(options.runs):
            database = folder / str(number)
            database.mkdir()
            seed(database, options.clients)
            command = (sys.executable, "-m", "tests.bench.directive_server", str(database))
            ours.append(await measure(clients, options, *command))
            if peer:
                theirs.append(await measure(clients, options, *peer))
    for share, figure in ((0.5, "directive.last_client_p50_ms"), (0.99, "directive.last_client_p99_ms")):
        sides = [[percentile(result.last, share) for result in side] for side in (ours, theirs)]
        yield compared(figure, "ms", sides[0], PEER, sides[1])
    cpu = [[result.cpu_ms for result in side] for side in (ours, theirs)]
    yield compared("directive.cpu_ms", "ms", cpu[0], PEER, cpu[1])
