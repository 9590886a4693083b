"""How much may be sent to one subscriber, judged from its transport-wide feedback. Sans-IO: `now` is passed in.

One `BandwidthEstimator` a subscriber. The node calls, with seconds of one monotonic clock:
- `sent(first, count, size, now)` for each batch that leaves (the hot path: `record((first, count, size, now))`): its
  first 16-bit transport-wide number, packets, bytes in all. Probes and retransmissions are sent like all others.
- `feedback(fci, now)` for each transport-wide feedback, `rtt(seconds)` for each RTCP round trip, `tick(now)` ten times
  a second, `moved(now)` when the subscriber has another address.
- `probe(now, wanted)` some times a second, `wanted` being the bit/s that the allocator would use: a `Probe` is to be
  sent beside the media in at least five packets, spread over its `duration` (at once works too, but queues more).
Inside, `history` is what was sent, `delay` and `loss` judge what came of it, `rate` follows, `probe` tries for more.
It reads `estimate` (bit/s of bytes as told to `sent`), `loss` (share), `state`, `queueing_ms`, `throughput` (bit/s).
"""

from server.media.bandwidth.estimator import QUEUED, BandwidthEstimator
from server.media.bandwidth.probe import Probe
from server.media.bandwidth.rate import START

__all__ = ["QUEUED", "START", "BandwidthEstimator", "Probe"]
