"""Whatever arrives, a parser of the media node answers with a value or with ProtocolError, and soon.

Each parser sees octets from nowhere and, more telling, real packets that were bent: octets changed, cut, doubled.
`FUZZ_EXAMPLES` looks longer than the few hundred examples of a test run.
"""

import os
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.media.joining import sdp, sdp_answer
from server.media.wire import rtcp, rtp, twcc, vp8, vp9
from tests.fuzz.seeds import rtcp_seeds, rtp_seeds, short_offer, twcc_seeds, vp8_seeds, vp9_seeds
from tests.media.building import build_retransmission
from tests.media.reading import parse_feedback

EXAMPLES = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def read_rtp(data: bytes) -> None:
    packet = rtp.RtpPacket.parse(data)
    assert packet.padding + len(packet.payload) <= len(data)
    build_retransmission(data, 97, 1, 2)
    for value in packet.extensions.values():
        rtp.audio_level(value or b"\0")
    rtp.restore(packet, 96, 1)


def read_vp8(data: bytes) -> None:
    frame = vp8.Vp8.parse(data)
    made = vp8.normalise(data, frame)
    again = vp8.Vp8.parse(made)
    assert made[again.start :] == data[frame.start :]
    assert again.picture_id_bits == 15
    vp8.PictureCount().number(frame, 0)


def read_vp9(data: bytes) -> None:
    frame = vp9.Vp9.parse(data)
    made = vp9.bare(data, frame)
    again = vp9.Vp9.parse(made)
    assert made[1:] == data[frame.start :]
    assert (again.start, again.key_frame, again.starts_frame) == (1, frame.key_frame, frame.starts_frame)
    assert frame.key_frame == (frame.width > 0) == (frame.height > 0)
    vp8.PictureCount().number(frame, 0)


def read_rtcp(data: bytes) -> None:
    for message in rtcp.parse(data):
        if isinstance(message, rtcp.TransportFeedback):
            parse_feedback(message.fci)
        elif isinstance(message, rtcp.Nack):
            assert 0 < len(message.lost) <= rtcp.LARGEST_NACK
            assert all(0 <= number <= 0xFFFF for number in message.lost)


def read_twcc(data: bytes) -> None:
    arrivals = parse_feedback(data, 10**9)
    assert len(arrivals) <= twcc.LARGEST_STATUS_COUNT
    report = twcc.read_report(data)
    assert (report.told, len(report.ticks)) == (len(arrivals), sum(at is not None for _, at in arrivals))


def read_values(data: bytes) -> None:
    for read in (rtp.audio_level, rtp.transport_sequence, rtp.identifier):
        read(data)


PARSERS: dict[str, tuple[Callable[[bytes], None], Callable[[], Sequence[bytes]]]] = {
    "rtp": (read_rtp, rtp_seeds),
    "vp8": (read_vp8, vp8_seeds),
    "vp9": (read_vp9, vp9_seeds),
    "rtcp": (read_rtcp, rtcp_seeds),
    "twcc": (read_twcc, twcc_seeds),
    "extension values": (read_values, lambda: [b"f1", b"mid-1"]),
}


@st.composite
def bent(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed with some octets changed, then perhaps cut short or followed by another."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        # The heads of packets decide most; so half of the changes fall there.
        end = draw(st.sampled_from([min(24, len(data)), len(data)]))
        data[draw(st.integers(0, end - 1))] = draw(st.integers(0, 255))
    size = draw(st.integers(0, len(data)) | st.just(len(data)))
    return bytes(data[:size]) + draw(st.just(b"") | st.sampled_from(seeds))


@pytest.mark.parametrize("name", PARSERS)
def test_seeds_are_read(name: str) -> None:
    read, seeds = PARSERS[name]
    for seed in seeds():
        read(seed)


@pytest.mark.parametrize("name", PARSERS)
def test_nothing_but_protocol_error_escapes(name: str) -> None:
    read, seeds = PARSERS[name]

    @EXAMPLES
    @given(st.binary(max_size=200) | bent(seeds()))
    def look(data: bytes) -> None:
        try:
            read(data)
        except ProtocolError:
            return

    look()


# ---- offers --------------------------------------------------------------------------------------------------------


OFFER_LINES = [line for line in short_offer().split("\r\n") if line]
WILD = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(
    [
        "",
        "٣",
        "9" * 30,
        "-1",
        "a=mid:" + "x" * 5000,
        "a=extmap:1/sendonly",
        "a=fmtp:96",
        "a=rtpmap:",
        "m=video 0 X",
        "\0",
    ]
)


@st.composite
def bent_offers(draw: st.DrawFn) -> str:
    lines = list(OFFER_LINES)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, draw(st.sampled_from(OFFER_LINES)))
            case 2:
                lines[at] = draw(WILD)
            case 3:
                cut = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:cut] + draw(WILD) + lines[at][cut:]
            case _:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
        lines = lines or ["v=0"]
    return "\r\n".join(lines) + "\r\n"


@EXAMPLES
@given(st.text(st.characters(codec=None), max_size=300).map(lambda text: "v=0\r\n" + text) | bent_offers())
def test_offers_are_answered_or_refused(text: str) -> None:
    """And nothing of an offer can add a line of its own to the answer."""
    try:
        offer = sdp.parse_offer(text)
    except ProtocolError:
        return
    sections = (*offer.audio_slots, *offer.video_slots)
    slots = {s.mid: sdp_answer.SlotStream(2 * n + 1, 2 * n + 2, f"slot{n}") for n, s in enumerate(sections)}
    made = sdp_answer.build_answer(
        offer, ufrag="u" * 4, pwd="p" * 22, fingerprint="5A", candidates=[("127.0.0.1", 1)], slots=slots
    )
    assert made.isascii()
    assert made.count("\r\nm=") == len(offer.sections)
    assert all(line[1] == "=" and "\n" not in line and "\r" not in line for line in made.split("\r\n")[:-1])


def test_the_short_offer_is_one_that_is_taken() -> None:
    offer = sdp.parse_offer(short_offer())
    assert [section.mid for section in offer.sections] == ["0", "1", "3", "6"]
