"""Whatever arrives, a parser of the media node answers with a value or with ProtocolError, and soon.

Each parser sees octets from nowhere and, more telling, real packets that were bent: octets changed, cut, doubled.
`FUZZ_EXAMPLES` looks longer than the few hundred examples of a test run.
"""

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.media import rtcp, rtcp_build, rtp, sdp, sdp_answer, twcc, vp8

OFFERS = Path(__file__).parent.parent / "media" / "data"
EXAMPLES = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "400")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def rtp_seeds() -> list[bytes]:
    one_byte = rtp.build_extensions({1: b"\x81", 3: b"\0\1", 4: b"12", 10: b"f"})
    two_byte = bytes.fromhex("1000 0003 0102abcd 0500 1003010203 00")
    header = rtp.build_header(96, 1, 65535, 1, 2, one_byte)
    wide = rtp.build_header(96, 0, 1, 1, 2, two_byte)
    return [header + vp8_seeds()[0], wide + b"opus", bytes((header[0] | 0x20,)) + header[1:] + b"ab\0\0\3"]


def vp8_seeds() -> list[bytes]:
    key = bytes.fromhex("10020c9d012a0005d042") + bytes(8)
    heads = ("10", "908045", "90808145", "90f0814507e5", "90e0450920", "b0101f")
    return [bytes.fromhex(head) + key for head in heads]


def twcc_seeds() -> list[bytes]:
    chance = random.Random(1)
    builder = twcc.FeedbackBuilder(1, 2)
    for number in range(65_400, 65_700):
        if chance.random() < 0.8:
            builder.record(number & 0xFFFF, number * 900 + chance.randrange(100_000))
    return [packet[12:] for packet in builder.build()]


def rtcp_seeds() -> list[bytes]:
    block = rtcp.ReportBlock(1, 2, -3, 4, 5, 6, 7)
    feedback = [rtcp_build.build_transport_feedback(1, 2, fci) for fci in twcc_seeds()]
    return [
        rtcp_build.build_sr(1, 2, 3, 4, 5, [block] * 3)
        + rtcp_build.build_sdes(1, "tên")
        + rtcp_build.build_bye([1, 2]),
        rtcp_build.build_rr(1, [block]) + rtcp_build.build_remb(1, 10**6, [4, 5]) + rtcp_build.build_pli(1, 2),
        rtcp_build.build_nack(1, 2, [1, 2, 30, 65535]) + rtcp_build.build_fir(1, 2, 3),
        *feedback,
    ]


def read_rtp(data: bytes) -> None:
    packet = rtp.RtpPacket.parse(data)
    assert packet.padding + len(packet.payload) <= len(data)
    rtp.build_retransmission(data, 97, 1, 2)
    for value in packet.extensions.values():
        rtp.audio_level(value or b"\0")
    rtp.restore(packet, 96, 1)


def read_vp8(data: bytes) -> None:
    frame = vp8.Vp8.parse(data)
    made = vp8.normalise(data, frame)
    again = vp8.Vp8.parse(made)
    assert made[again.start :] == data[frame.start :]
    assert again.picture_id_bits == 15
    vp8.Pictures().number(frame, 0)


def read_rtcp(data: bytes) -> None:
    for message in rtcp.parse(data):
        if isinstance(message, rtcp.TransportFeedback):
            twcc.parse_feedback(message.fci)
        elif isinstance(message, rtcp.Nack):
            assert 0 < len(message.lost) <= rtcp.LARGEST_NACK
            assert all(0 <= number <= 0xFFFF for number in message.lost)


def read_twcc(data: bytes) -> None:
    arrivals = twcc.parse_feedback(data, 10**9)
    assert len(arrivals) <= twcc.LARGEST_STATUS_COUNT
    missing = sum(at is None for _, at in arrivals)
    assert twcc.count_feedback(data) == (len(arrivals) - missing, missing)


def read_values(data: bytes) -> None:
    for read in (rtp.audio_level, rtp.transport_sequence, rtp.identifier):
        read(data)


PARSERS: dict[str, tuple[Callable[[bytes], None], Callable[[], Sequence[bytes]]]] = {
    "rtp": (read_rtp, rtp_seeds),
    "vp8": (read_vp8, vp8_seeds),
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


def short_offer() -> str:
    """A captured offer, its sections reduced to two that send and two slots, so that a change hits something."""
    head, *sections = (OFFERS / "chromium-meeting.sdp").read_bytes().decode().split("\r\nm=")
    return "\r\nm=".join([head, sections[0], sections[1], sections[3], sections[6]])


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
