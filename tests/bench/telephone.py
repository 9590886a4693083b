"""A meeting of telephones: 85 calls of which 5 speak; what that costs, how late and how whole their sound arrives.

Every telephone sends a packet each 20 ms, as telephones do whether anybody speaks or not. One of the speakers says a
tone without a pause, the others by turns a short one each second, each of its own pitch, by whose beginning the way
from mouth to ear is measured: from the first sample said, 20 ms before its packet is sent, to that sample's place in
the packet in which it is heard. Three are heard at a time, the tone and two of the others. Ticks are all of the whole
time; of each the CPU counts, of the ports only what was not read before it, and what other programs take of the core
meanwhile shows in the way and in `longest_pause_ms`. CPU is the media node's alone: no control process runs there,
which while calls last answers session timers and looks at each seat every ten seconds. The same comes once more from
telephones of all kinds: of each 17 twelve by PCMA, two by G.722, two by Opus, and one by PCMA with SRTP.

Telephones wait for no processor of ours, so the load comes first on its core where it may, as the node does on its own.
`load_late_ms` is how late it was at its worst all the same, `load_pause_ms` the longest time from one packet of the
tone to the next as they were sent, which the node cannot mend.

A browser meeting on the same node is measured by turns with the calls in a meeting beside it and, when all have hung
up, with telephones that talk to each other: as much load on our side, and none for the node. Then sipp calls the whole
server: twenty calls a second, and with a fifth of all messages lost. At last strangers call, whom nobody answers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from server.media import protocol as p
from server.media.node import NICE
from server.media.phone.metronome import COUNTED
from server.telephony.sip.endpoint import Endpoint, Listening
from tests.bench import telephone_calls
from tests.bench.figures import Figure, percentile
from tests.bench.load import Rate, cpu_seconds
from tests.bench.sfu_load import LOAD_CORE, SERVER_CORE, Target, ours
from tests.bench.telephone_load import BEST, FRAME, HOST, PLAIN, SECRET, WIDE, Phones
from tests.media.driving import node_process
from tests.telephony.answering import Answering
from tests.telephony.sip.flooding import cost_of_a_stranger

WARM_UP = 5.0  # s
MIXED_SECONDS = 60.0
MEASURED = 0.99  # of the beeps: those that were never heard are in no percentile
KINDS = [PLAIN, PLAIN, WIDE, BEST, SECRET, *[PLAIN] * 10, WIDE, BEST]
SEEN = Rate(burst=3, video_size=900)  # 360p: 520 kbit/s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--calls", type=int, default=85)
    parser.add_argument("--speakers", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sinks", type=int, default=90, help="browsers of the meeting beside")
    parser.add_argument("--runs", type=int, default=3, help="of the meeting beside, with telephones and without")
    parser.add_argument("--real-time", action="store_true", help="before whatever else runs here; only root may")
    parser.add_argument("--only", choices=("alone", "mixed", "beside", "calls", "strangers"), help="one part alone")


def _first(options: argparse.Namespace) -> list[str]:
    """How the node is started so that a machine which others use, too, does not make its sound late."""
    if not options.real_time:
        return []
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return ["chrt", "--rr", "1"]


@contextmanager
def _promptly() -> Iterator[None]:
    """This thread comes before what else runs on its core, as the node does on its own."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, before)


async def _talk(options: argparse.Namespace, phones: Phones, seconds: float) -> tuple[float, Counter[int]]:
    """All talk in a room of a node of their own; its share of a core, and its ticks as `Stats` counts them."""
    with tempfile.TemporaryDirectory() as folder:
        async with node_process(Path(folder), *_first(options), "taskset", "-c", SERVER_CORE) as node:
            await node.control.do(p.OpenRoom(room="r"))
            await phones.connect(node, "r")
            with _promptly():
                phones.talk(WARM_UP)
            before = await node.control.call(p.GetStats(), p.Stats)
            phones.listen()
            spent = cpu_seconds(node.pid)
            with _promptly():
                phones.talk(seconds)
            share = (cpu_seconds(node.pid) - spent) / seconds
            after = await node.control.call(p.GetStats(), p.Stats)
            await node.control.close()
    return share, Counter(after.calls_ticks) - Counter(before.calls_ticks)


def tick_ms(ticks: Counter[int], share: float) -> float:
    """What so many of the ticks took at most, in whole twentieths of a millisecond."""
    wanted, seen = share * ticks.total(), 0
    for length in sorted(ticks):
        seen += ticks[length]
        if seen >= wanted:
            return 1_000 * COUNTED * (length + 1)
    raise ValueError("no ticks")


async def _alone(options: argparse.Namespace) -> AsyncIterator[Figure]:
    phones, n = Phones(options.calls, options.speakers), options.calls
    share, ticks = await _talk(options, phones, options.seconds)
    delays = phones.delays()
    if len(delays) < MEASURED * phones.wanted:
        raise AssertionError(f"of {phones.wanted} beeps at silent ears only {len(delays)} could be measured")
    yield Figure("telephone.cpu_share", round(share, 3), "of a core", n)
    yield Figure("telephone.tick_p99_ms", round(tick_ms(ticks, 0.99), 2), "ms", ticks.total())
    yield Figure("telephone.tick_max_ms", round(tick_ms(ticks, 1.0), 2), "ms", ticks.total())
    yield Figure("telephone.mouth_to_ear_p50_ms", round(percentile(delays, 0.5), 1), "ms", len(delays))
    yield Figure("telephone.mouth_to_ear_p99_ms", round(percentile(delays, 0.99), 1), "ms", len(delays))
    yield Figure("telephone.longest_gap_ms", max(ear.gap for ear in phones.ears), "ms", len(phones.ears))
    yield Figure("telephone.longest_pause_ms", round(max(ear.pause for ear in phones.ears), 1), "ms", len(phones.ears))
    yield Figure("telephone.load_late_ms", round(phones.late, 1), "ms", 1)
    yield Figure("telephone.load_pause_ms", round(phones.pause, 1), "ms", 1)
    phones.close()


async def _mixed(options: argparse.Namespace) -> AsyncIterator[Figure]:
    phones, seconds = Phones(options.calls, options.speakers, KINDS), min(options.seconds, MIXED_SECONDS)
    share, _ticks = await _talk(options, phones, seconds)
    fewest = min(phone.heard for phone in phones.phones)
    if fewest < 0.95 * seconds / FRAME:
        raise AssertionError(f"a telephone got {fewest} packets in {seconds:g} s")
    yield Figure("telephone.mixed_cpu_share", round(share, 3), "of a core", options.calls)
    yield Figure("telephone.mixed_longest_gap_ms", max(ear.gap for ear in phones.ears), "ms", len(phones.ears))
    phones.close()


async def _strangers(options: argparse.Namespace) -> AsyncIterator[Figure]:
    phone = Answering()
    endpoint = Endpoint(Listening(host=HOST, udp_port=0, tcp_port=0, trunks=[HOST]), phone)
    endpoint.start()
    costs = [1e6 * await cost_of_a_stranger(endpoint, HOST) for _ in range(5)]
    await endpoint.close()
    if phone.calls:
        raise AssertionError("a stranger was let in")
    yield Figure("telephone.stranger_us", round(median(costs), 2), "us", len(costs))


def _measured(target: Target, phones: Phones, seconds: float, what: str) -> float:
    """p99 of the meeting in ms while the telephones talk, in a thread that gives way to the load of the meeting."""

    def talk() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        phones.talk(seconds + 2)

    talking = threading.Thread(target=talk)
    talking.start()
    outcome = target.run(SEEN, seconds, what)
    talking.join()
    return outcome.p99_ms


async def _beside(options: argparse.Namespace) -> AsyncIterator[Figure]:
    phones, seconds = Phones(options.calls, options.speakers), min(options.seconds, 10.0)
    found: dict[bool, list[float]] = {False: [], True: []}
    async with ours(options.sinks) as target:
        node = target.node
        assert node is not None
        await node.control.do(p.OpenRoom(room="telephones"))
        for _run in range(options.runs):
            phones.turn_to_each_other()
            found[False].append(_measured(target, phones, seconds, "without telephones"))
            await phones.connect(node, "telephones")
            found[True].append(_measured(target, phones, seconds, f"beside {options.calls} telephones"))
            await phones.leave(node)
    phones.close()
    alone, beside = (median(found[there]) for there in (False, True))
    yield Figure("telephone.sfu_alone_p99_ms", round(alone, 2), "ms", options.runs)
    yield Figure("telephone.sfu_beside_p99_ms", round(beside, 2), "ms", options.runs)
    yield Figure("telephone.sfu_beside_ratio", round(beside / alone, 3), "", options.runs)


async def _setups(options: argparse.Namespace) -> AsyncIterator[Figure]:
    with telephone_calls.server() as app:
        calls = telephone_calls.dial(app, 20 * 60, 20, 0)
        lossy = telephone_calls.dial(app, 100, 20, 20)
    yield Figure("telephone.calls_at_20_a_second", calls.good, "of 1200", 1)
    yield Figure("telephone.answer_p99_ms", round(percentile(calls.answered_ms, 0.99), 1), "ms", len(calls.answered_ms))
    yield Figure("telephone.calls_with_a_fifth_lost", lossy.good, "of 100", 1)


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Cost, delay and gaps; what a browser meeting on the same node feels; calls that come and go; strangers."""
    os.sched_setaffinity(0, {LOAD_CORE % (os.cpu_count() or 1)})
    parts = {"alone": _alone, "mixed": _mixed, "beside": _beside, "calls": _setups, "strangers": _strangers}
    for name, part in parts.items():
        if options.only in (None, name):
            async for figure in part(options):
                yield figure
