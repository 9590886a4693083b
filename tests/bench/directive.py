"""One directive to a thousand connected units: from the commit to the last client, and the server's CPU.

Beside it, in the same run, Node's socket.io 4.8 with the same clients, which acknowledge, but without a database. Then
storms: clients that vanish or come back at once. The server has core 0 to itself, the clients (one C process) core 1.
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
BACK, MISSED = 1000, 20
CPU_TICK_MS, QUIET_LOOKS = 10, 5  # of /proc; and tenths of a second without more than one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--directives", type=int, default=40, help="in each run")
    parser.add_argument("--runs", type=int, default=3, help="of each side, interleaved")
    parser.add_argument("--storm", type=int, default=5000, help="clients that vanish at once; 0 leaves storms out")


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


def server_of(database: Path) -> tuple[str, ...]:
    """The command of our server on a folder that was seeded."""
    return sys.executable, "-m", "tests.bench.directive_server", str(database)


async def all_gone(clients: Path, folder: Path, count: int) -> Figure:
    """All clients vanish at once, as after a cut of power: CPU seconds until the server has let go of them."""
    database = folder / "gone"
    database.mkdir()
    seed(database, count)
    async with process(SERVER_CORE, *server_of(database)) as server:
        (port,) = await server.word("port")
        async with process(LOAD_CORE, str(clients), str(port), str(count), "2") as load:
            await load.word("open")
            await asyncio.sleep(1)
            before = server.cpu_ms()
            load.process.kill()
            await load.process.wait()
        busy, quiet = server.cpu_ms() - before, 0
        while quiet < QUIET_LOOKS:
            await asyncio.sleep(0.1)
            now = server.cpu_ms() - before
            quiet = quiet + 1 if now - busy <= CPU_TICK_MS else 0
            busy = now
    return Figure("directive.storm_gone_busy_s", round(busy / 1000, 3), "s", count)


async def all_back(clients: Path, folder: Path) -> Figure:
    """Clients that each missed some events come back at once: seconds until all have caught up, none twice."""
    database = folder / "back"
    database.mkdir()
    seed(database, BACK)
    async with process(SERVER_CORE, *server_of(database)) as server:
        (port,) = await server.word("port")
        for _ in range(MISSED):
            server.go()
            await server.word("committed")
        async with process(LOAD_CORE, str(clients), str(port), str(BACK), "2", str(MISSED)) as load:
            await load.word("open")
            begun, caught = await load.word("caught")
    return Figure("directive.storm_caught_up_s", round((caught - begun) / 1e9, 3), "s", BACK)


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
            ours.append(await measure(clients, options, *server_of(database)))
            if peer:
                theirs.append(await measure(clients, options, *peer))
        for share, figure in ((0.5, "directive.last_client_p50_ms"), (0.99, "directive.last_client_p99_ms")):
            sides = [[percentile(result.last, share) for result in side] for side in (ours, theirs)]
            yield compared(figure, "ms", sides[0], PEER, sides[1])
        cpu = [[result.cpu_ms for result in side] for side in (ours, theirs)]
        yield compared("directive.cpu_ms", "ms", cpu[0], PEER, cpu[1])
        if options.storm:
            yield await all_gone(clients, folder, options.storm)
            yield await all_back(clients, folder)
