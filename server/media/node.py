"""The media node process: `python -m server.media.node --socket PATH --udp-port N --address IP ...`.

It outlives the control process that started it, so that a meeting survives an upgrade of the web side: without
control it goes on for `ALONE_WITH_SESSIONS`, and ends itself after `ALONE_AND_EMPTY` when nobody meets. SIGTERM closes
recordings and ends.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import logging.handlers
import os
import signal
import sys
import time
from pathlib import Path

from server.media.calls import Calls
from server.media.commands import Commands
from server.media.control import ControlServer
from server.media.joining.bounds import Bounds
from server.media.phone.bridge import Ports
from server.media.switch import Switch
from server.media.transport.udp import UdpPort

log = logging.getLogger(__name__)

ALONE_AND_EMPTY = 15.0  # s
ALONE_WITH_SESSIONS = 600.0  # s
TICK = 0.1  # s
NICE = -10
FORGET = 0.97  # of the loop's worst lateness is left a tick later: half of it after 2.3 s


class Node:
    """The parts of the process, wired: port and switch for packets, commands and control for the rest."""

    def __init__(self, socket: Path, udp_port: int, addresses: list[str], bounds: Bounds, calls: Ports) -> None:
        self.port = UdpPort("0.0.0.0", udp_port)  # noqa: S104 - candidates name the addresses
        self.switch = Switch(self.port, time.monotonic)
        self.commands = Commands(self.switch, addresses, bounds, Calls(self.switch, calls))
        self.control = ControlServer(socket, self.commands.carry_out, self._welcomed)
        self.switch.tell = self.control.tell
        self._alone_since = time.monotonic()

    async def run(self) -> None:
        """Serve until told to stop, or until there is nothing left to serve."""
        await self.control.start()
        self.port.start(self.switch.paths)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.commands.stopping.set)
        tune_collector()
        log.info("media node on UDP port %d", self.port.number)
        ticker = loop.create_task(self._tick())
        try:
            await self.commands.stopping.wait()
        finally:
            ticker.cancel()
            await self.commands.close_everything()
            await asyncio.sleep(0)  # let the last reply and close_notify leave
            self.port.close()
            await self.control.close()
            log.info("media node ended")

    def _welcomed(self) -> None:
        for event in self.commands.standing():
            self.control.tell(event)

    async def _tick(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + TICK, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            now = time.monotonic()
            self.commands.lag = max(now - due, FORGET * self.commands.lag)
            self.switch.tick(now, time.time())
            if self._deserted(now):
                log.info("no control process any more: ending")
                self.commands.stopping.set()

    def _deserted(self, now: float) -> bool:
        if self.control.connected:
            self._alone_since = now
        limit = ALONE_WITH_SESSIONS if self.switch.sessions or self.commands.calls.lines else ALONE_AND_EMPTY
        return now - self._alone_since > limit


def tune_collector() -> None:
    """Garbage collection is what makes Python's latency tail: what is there now stays, the rest is looked at rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def come_first() -> None:
    """Pages of a busy server can wait for some milliseconds; a voice cannot."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except PermissionError:
        log.info("no leave to come before other processes (RLIMIT_NICE); voices may be late on a busy machine")


def _logging(target: str) -> None:
    to_stderr = target == "-"
    handler = logging.StreamHandler(sys.stderr) if to_stderr else logging.handlers.WatchedFileHandler(target)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s media %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def main(arguments: list[str] | None = None) -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser(prog="python -m server.media.node", description="Media node")
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket for the control process")
    parser.add_argument("--udp-port", type=int, default=40_000, help="the one media port (0: any free)")
    parser.add_argument("--address", action="append", required=True, help="address that browsers reach; repeatable")
    known = Bounds()
    parser.add_argument("--uplink-mbit", type=float, default=known.uplink_mbit, help="Mbit/s taken of one participant")
    parser.add_argument(
        "--downlink-mbit", type=float, default=known.downlink_mbit, help="Mbit/s that a new link carries"
    )
    parser.add_argument("--lost-after", type=float, default=known.lost_after, help="s without a check, then it is lost")
    parser.add_argument("--closed-after", type=float, default=known.closed_after, help="s lost, then its session ends")
    parser.add_argument("--call-address", default="0.0.0.0", help="address to which telephones' sound comes")  # noqa: S104
    parser.add_argument("--call-ports", type=int, nargs=2, default=(41_000, 41_999), help="first and last UDP port")
    parser.add_argument("--log", default="-", help="log file, or - for stderr")
    options = parser.parse_args(arguments)
    _logging(options.log)
    come_first()
    bounds = Bounds(options.uplink_mbit, options.downlink_mbit, options.lost_after, options.closed_after)
    calls = Ports(options.call_address, *options.call_ports)
    asyncio.run(Node(options.socket, options.udp_port, options.address, bounds, calls).run())


if __name__ == "__main__":
    main()
