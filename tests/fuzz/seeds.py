"""Real packets and offers that the fuzzers and the property tests begin with."""

from __future__ import annotations

import random
from pathlib import Path

from server.media.wire import rtcp, rtcp_build, rtp, twcc
from tests.media.building import build_bye, build_extensions, build_fir

OFFERS = Path(__file__).parent.parent / "media" / "data"


def rtp_seeds() -> list[bytes]:
    one_byte = build_extensions({1: b"\x81", 3: b"\0\1", 4: b"12", 10: b"f"})
    two_byte = bytes.fromhex("1000 0003 0102abcd 0500 1003010203 00")
    header = rtp.build_header(96, 1, 65535, 1, 2, one_byte)
    wide = rtp.build_header(96, 0, 1, 1, 2, two_byte)
    return [header + vp8_seeds()[0], wide + b"opus", bytes((header[0] | 0x20,)) + header[1:] + b"ab\0\0\3"]


def vp8_seeds() -> list[bytes]:
    key = bytes.fromhex("10020c9d012a0005d042") + bytes(8)
    heads = ("10", "908045", "90808145", "90f0814507e5", "90e0450920", "b0101f")
    return [bytes.fromhex(head) + key for head in heads]


def vp9_seeds() -> list[bytes]:
    key = bytes.fromhex("824983420027f01670") + bytes(8)
    heads = ("0c", "8c05", "aea3452007180280016802045801", "9c05", "0e00", "8ea3451002800168")
    others = ("e8a3462007", "fc810250" + "0304", "44", "48")
    return [bytes.fromhex(head) + key for head in heads] + [bytes.fromhex(head) + b"\x86data" for head in others]


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
        rtcp_build.build_sr(1, 2, 3, 4, 5, [block] * 3) + rtcp_build.build_sdes(1, "tên") + build_bye([1, 2]),
        rtcp_build.build_rr(1, [block]) + rtcp_build.build_remb(1, 10**6, [4, 5]) + rtcp_build.build_pli(1, 2),
        rtcp_build.build_nack(1, 2, [1, 2, 30, 65535]) + build_fir(1, 2, 3),
        bytes.fromhex("80cf0004 00000001 04000002 8102030405060708") + rtcp_build.build_dlrr(1, [(2, 3, 4)]),
        *feedback,
    ]


def short_offer() -> str:
    """A captured offer, its sections reduced to two that send and two slots, so that a change hits something."""
    head, *sections = (OFFERS / "chromium-meeting.sdp").read_bytes().decode().split("\r\nm=")
    return "\r\nm=".join([head, sections[0], sections[1], sections[3], sections[6]])
