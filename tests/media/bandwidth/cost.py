"""What the estimate costs: `python -m tests.media.bandwidth.cost` prints µs of CPU a feedback and a sent batch."""

from __future__ import annotations

import random
import time

from server.media.bandwidth import BandwidthEstimator
from server.media.wire.twcc import FeedbackBuilder

HEAD = 12  # octets of RTCP before the fci
INTERVAL = 0.05  # s between feedbacks
FEEDBACKS = 1_500
RUNS = 5

Script = list[tuple[list[tuple[int, int, int, float]], bytes, float]]  # batches, the feedback on them, when it comes


def script(packets: int, batch: int, loss: float) -> Script:
    """Feedbacks on so many packets each, sent in batches over `INTERVAL`."""
    rng, builder = random.Random(1), FeedbackBuilder(1)
    steps: Script = []
    number, now = 0, 0.0
    for _ in range(FEEDBACKS):
        batches: list[tuple[int, int, int, float]] = []
        for _ in range(packets // batch):
            now += INTERVAL / (packets // batch)
            batches.append((number & 0xFFFF, batch, batch * 1000, now))
            for i in range(batch):
                if rng.random() >= loss:
                    builder.record(number & 0xFFFF, round((now + 0.02 + i * 0.0005) * 1e6))
                number += 1
        for packet in builder.build():
            steps.append((batches, packet[HEAD:], now + 0.04))
            batches = []
    return steps


def cost(steps: Script, feedback: bool) -> float:
    """Seconds of CPU for all steps, the best of some runs."""
    best = float("inf")
    for _ in range(RUNS):
        estimator = BandwidthEstimator()
        begin = time.process_time()
        for batches, fci, now in steps:
            for batch in batches:
                estimator.record(batch)
            if feedback:
                estimator.feedback(fci, now)
        best = min(best, time.process_time() - begin)
    return best


def main() -> None:
    for packets, batch, loss in (
        (60, 1, 0.0), (60, 2, 0.0), (60, 4, 0.0), (60, 10, 0.0), (60, 3, 0.1), (24, 2, 0.0), (12, 2, 0.0),
    ):  # fmt: skip
        steps = script(packets, batch, loss)
        sending = cost(steps, feedback=False)
        told = (cost(steps, feedback=True) - sending) / len(steps)
        each = sending / sum(len(batches) for batches, _, _ in steps)
        print(
            f"{packets} packets in batches of {batch}, {loss:.0%} lost: {told * 1e6:.1f} µs a feedback, "
            f"{each * 1e6:.3f} µs a batch sent; 300 subscribers at 10 a second: {300 * 10 * told:.1%} of a core"
        )


if __name__ == "__main__":
    main()
