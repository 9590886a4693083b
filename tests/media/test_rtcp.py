"""RTCP read from octets, and built so that it reads the same."""

import pytest
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSdesPacket, RtcpSrPacket, unpack_remb_fci

from server.errors import ProtocolError
from server.media.wire.rtcp import (
    LARGEST_NACK,
    MOST_PACKETS,
    Bye,
    Fir,
    Nack,
    Other,
    Pli,
    ReceiverReport,
    ReferenceTime,
    Remb,
    ReportBlock,
    SenderReport,
    TransportFeedback,
    middle,
    ntp_time,
    parse,
    round_trip,
)
from server.media.wire.rtcp_build import (
    build_dlrr,
    build_nack,
    build_pli,
    build_remb,
    build_rr,
    build_sdes,
    build_sr,
    build_transport_feedback,
)
from tests.media.building import build_bye, build_fir

BLOCK = ReportBlock(ssrc=7, fraction_lost=64, lost=-3, highest=0x1_0002, jitter=90, lsr=0xAABBCCDD, dlsr=65536)


def test_reads_a_compound_packet() -> None:
    data = (
        build_sr(1, 2**40, 90_000, 10, 1000, [BLOCK]) + build_sdes(1, "điểm cầu") + build_pli(1, 9) + build_bye([1, 9])
    )
    assert parse(data) == [
        SenderReport(1, 2**40, 90_000, 10, 1000, (BLOCK,)),
        Other(202, 1),
        Pli(1, 9),
        Bye((1, 9)),
    ]


def test_reads_reduced_size_feedback() -> None:
    assert parse(build_nack(1, 9, [5])) == [Nack(1, 9, [5])]


def test_reads_reports_with_an_extension_after_the_blocks() -> None:
    report = bytearray(build_rr(1, [BLOCK]) + b"more")
    report[3] += 1
    assert parse(bytes(report)) == [ReceiverReport(1, (BLOCK,))]


def test_aiortc_reads_our_reports() -> None:
    sr, rr, sdes = RtcpPacket.parse(build_sr(1, 5, 6, 7, 8, [BLOCK]) + build_rr(2, [BLOCK]) + build_sdes(1, "abc"))
    assert isinstance(sr, RtcpSrPacket)
    assert isinstance(rr, RtcpRrPacket)
    assert isinstance(sdes, RtcpSdesPacket)
    assert (sr.sender_info.ntp_timestamp, sr.sender_info.octet_count, sr.reports[0].packets_lost) == (5, 8, -3)
    assert (rr.ssrc, rr.reports[0].highest_sequence, rr.reports[0].dlsr) == (2, 0x1_0002, 65536)
    assert sdes.chunks[0].items == [(1, b"abc")]


def test_more_than_thirty_one_blocks_go_into_several_packets() -> None:
    blocks = [BLOCK._replace(ssrc=n) for n in range(70)]
    messages = parse(build_sr(1, 2, 3, 4, 5, blocks))
    assert [type(m) for m in messages] == [SenderReport, ReceiverReport, ReceiverReport]
    assert [b.ssrc for m in messages if isinstance(m, SenderReport | ReceiverReport) for b in m.reports] == list(
        range(70)
    )
    assert parse(build_rr(1)) == [ReceiverReport(1)]


def test_losses_stay_within_24_bits() -> None:
    report = parse(build_rr(1, [BLOCK._replace(lost=1 << 30), BLOCK._replace(lost=-(1 << 30))]))[0]
    assert isinstance(report, ReceiverReport)
    assert [b.lost for b in report.reports] == [0x7F_FFFF, -0x80_0000]


@pytest.mark.parametrize(
    "lost", [[5], [0xFFFF, 0, 1], [10, 26, 27, 28, 100], [3, 1, 2], [0xFFF0, 0x0010, 0xFFFE, 5], list(range(200))]
)
def test_nack_names_the_same_numbers(lost: list[int]) -> None:
    read = parse(build_nack(1, 9, lost))[0]
    assert isinstance(read, Nack)
    assert sorted(read.lost) == sorted(lost)
    theirs = RtcpPacket.parse(build_nack(1, 9, lost))[0]
    assert isinstance(theirs, RtcpRtpfbPacket)
    assert sorted(n & 0xFFFF for n in theirs.lost) == sorted(lost)


def test_nack_packs_seventeen_to_an_entry() -> None:
    assert len(build_nack(1, 9, range(17))) == 16
    assert len(build_nack(1, 9, range(18))) == 20


def test_a_huge_nack_is_cut() -> None:
    read = parse(build_nack(1, 9, range(5000)))[0]
    assert isinstance(read, Nack)
    assert read.lost == list(range(LARGEST_NACK))


def test_reads_full_intra_requests() -> None:
    assert parse(build_fir(1, 9, 258)) == [Fir(1, 9, 2)]


@pytest.mark.parametrize("bitrate", [0, 1, 262_143, 300_000, 4_000_000, 10**12])
def test_remb_keeps_eighteen_bits(bitrate: int) -> None:
    data = build_remb(1, bitrate, [8, 9])
    read = parse(data)[0]
    assert isinstance(read, Remb)
    assert (read.sender, read.ssrcs) == (1, (8, 9))
    assert bitrate * (1 - 2**-17) <= read.bitrate <= bitrate
    assert unpack_remb_fci(data[12:]) == (read.bitrate, [8, 9])


def test_reads_the_time_of_a_receiver_among_other_blocks() -> None:
    statistics = bytes.fromhex("06e00001 00000000")  # a block that we do not use
    reference = bytes.fromhex("04000002 0102030405060708")
    body = (9).to_bytes(4, "big") + statistics + reference
    data = b"\x80\xcf" + (len(body) // 4).to_bytes(2, "big") + body
    assert parse(data + build_pli(1, 2)) == [ReferenceTime(9, 0x0102_0304_0506_0708), Pli(1, 2)]


@pytest.mark.parametrize("body", ["", "00000009 04000002 01020304", "00000009 04000001 01020304", "00000009 06000002"])
def test_refuses_extended_reports_with_wrong_lengths(body: str) -> None:
    octets = bytes.fromhex(body)
    with pytest.raises(ProtocolError):
        parse(b"\x80\xcf" + (len(octets) // 4).to_bytes(2, "big") + octets)


def test_gives_receivers_their_time_back() -> None:
    built = build_dlrr(1, [(9, 0x0304_0506, 65536), (10, 7, 1 << 40)])
    assert built.hex(" ", 4) == "80cf0008 00000001 05000006 00000009 03040506 00010000 0000000a 00000007 ffffffff"
    assert parse(built) == [], "nothing in it is for us"


def test_transport_feedback_is_passed_on_whole() -> None:
    assert parse(build_transport_feedback(1, 2, b"12345678abc")) == [TransportFeedback(1, 2, b"12345678abc\0")]


def test_what_we_do_not_use_is_told() -> None:
    app = bytes.fromhex("80cc0001 00000001")
    unknown_feedback = bytes.fromhex("87cd0002 00000001 00000002")
    application = bytes.fromhex("8fce0003 00000001 00000002") + b"XXXX"
    assert parse(app + unknown_feedback + application) == [Other(204, 0), Other(205, 7), Other(206, 15)]


def test_padding_of_the_last_packet_is_taken_off() -> None:
    assert parse(build_pli(1, 2) + bytes.fromhex("a1cb0002 00000009 00000004")) == [
        Pli(1, 2),
        Bye((9,)),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\xc9\0",
        bytes.fromhex("00c90001 00000001"),  # version 0
        bytes.fromhex("80c90002 00000001"),  # shorter than it says
        bytes.fromhex("80c90000"),  # no sender
        bytes.fromhex("81c90001 00000001"),  # no block
        bytes.fromhex("80c80001 00000001"),
        bytes.fromhex("82cb0001 00000001"),
        bytes.fromhex("81ce0001 00000001"),
        bytes.fromhex("81cd0002 00000001 00000002"),  # NACK of nothing
        bytes.fromhex("84ce0003 00000001 00000002 00000003"),  # half a FIR
        bytes.fromhex("8fce0003 00000001 00000002") + b"REMB",
        bytes.fromhex("8fce0004 00000001 00000002") + b"REMB" + bytes.fromhex("02000001"),
        bytes.fromhex("a0c90001 00000001") + build_pli(1, 2),  # padding before the end
        bytes.fromhex("a0c90001 00000000"),  # padding of zero
        bytes.fromhex("a0c90001 0000000c"),
        build_pli(1, 2) + b"\x80",
    ],
)
def test_refuses_what_is_malformed(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(data)


def test_refuses_a_datagram_of_countless_packets() -> None:
    assert len(parse(build_pli(1, 2) * MOST_PACKETS)) == MOST_PACKETS
    with pytest.raises(ProtocolError, match="too many"):
        parse(build_pli(1, 2) * (MOST_PACKETS + 1))


def test_refuses_a_packet_of_countless_demands() -> None:
    fir = build_fir(1, 2, 3)
    demands = fir[12:] * (MOST_PACKETS + 1)
    whole = fir[:2] + (2 + len(demands) // 4).to_bytes(2, "big") + fir[4:12] + demands
    with pytest.raises(ProtocolError, match="too many"):
        parse(whole)


def test_a_name_that_is_too_long_is_not_built() -> None:
    with pytest.raises(ValueError, match="255"):
        build_sdes(1, "x" * 256)


def test_round_trip_is_what_the_clock_says_less_the_delay() -> None:
    sent, now = ntp_time(1_790_000_000.0), ntp_time(1_790_000_000.375)
    block = BLOCK._replace(lsr=middle(sent), dlsr=int(0.25 * 65536))
    assert round_trip(block, now) == pytest.approx(0.125, abs=0.001)
    assert round_trip(BLOCK._replace(lsr=0), now) is None
    assert round_trip(block._replace(dlsr=2 * 65536), now) is None
    assert round_trip(block._replace(dlsr=0xFFFF_FFFF), now) is None, "longer than since ours was sent"
    assert round_trip(block._replace(lsr=middle(now) + 65536, dlsr=0), now) is None, "of a report that is yet to come"
