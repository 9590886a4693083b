"""The one answer to a participant's one offer: ICE-lite, we are DTLS server, every slot with its streams named.

What both browsers need (measured): a=ssrc and a=ssrc-group:FID for every slot, because Firefox does not recognise RTX
by mid alone; an a=msid each, so that `ontrack` tells slots apart; candidates on the first m-line only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.media.joining.sdp import REPAIRED_RID, RID, Offer, Section

CNAME = "giaoban"
_VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir", "transport-cc")
_AUDIO_FEEDBACK = ("transport-cc",)
_OPUS_PARAMETERS = "minptime=10;useinbandfec=1;usedtx=1"


@dataclass(frozen=True, slots=True)
class SlotStream:
    """What we send in one receiving section; `msid` becomes the id of its stream and of its track."""

    ssrc: int
    rtx_ssrc: int | None
    msid: str


def build_answer(
    offer: Offer,
    *,
    ufrag: str,
    pwd: str,
    fingerprint: str,
    candidates: Sequence[tuple[str, int]],
    slots: Mapping[str, SlotStream],
    session_id: int = 1,
) -> str:
    """Answer `offer`: take microphone, camera and screen, fill the receiving sections of `slots`, refuse the rest.

    `slots` is by mid, `fingerprint` the SHA-256 of our certificate, `candidates` are (address, UDP port),
    the best first. Raises ValueError when `slots` names no receiving section of the offer.
    """
    receiving = {section.mid for section in (*offer.audio_slots, *offer.video_slots)}
    if not slots.keys() <= receiving:
        raise ValueError(f"no receiving sections: {sorted(slots.keys() - receiving)}")
    taken = {section.mid for section in offer.sending} | slots.keys()
    transport = [
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{pwd}",
        f"a=fingerprint:sha-256 {fingerprint}",
        "a=setup:passive",
    ]
    lines = _session(offer, [s.mid for s in offer.sections if s.mid in taken], session_id)
    where = _candidates(candidates)
    for section in offer.sections:
        if section.mid not in taken:
            lines += _refused(section)
            continue
        lines += [*_head(section), *transport, *where, *_section(section, slots.get(section.mid))]
        where = []
    return "\r\n".join(lines) + "\r\n"


def _session(offer: Offer, mids: list[str], session_id: int) -> list[str]:
    lines = [
        "v=0",
        f"o=- {session_id} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        "a=group:BUNDLE " + " ".join(mids),
        "a=msid-semantic:WMS *",
    ]
    if offer.allows_mixed:
        lines.append("a=extmap-allow-mixed")
    return lines


def _candidates(addresses: Sequence[tuple[str, int]]) -> list[str]:
    """Host candidates (RFC 8839 §5.1), the first with the highest priority (RFC 8445 §5.1.2.1)."""
    lines = [
        f"a=candidate:{number} 1 udp {126 << 24 | (0x1_0000 - number) << 8 | 255} {address} {port} typ host"
        for number, (address, port) in enumerate(addresses, 1)
    ]
    return [*lines, "a=end-of-candidates"]


def _refused(section: Section) -> list[str]:
    return [
        f"m={section.kind} 0 {section.protocol} {section.formats[0]}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        f"a=mid:{section.mid}",
    ]


def _head(section: Section) -> list[str]:
    formats = [section.payload_type, section.opus_red]
    if section.kind == "video":
        formats = [number for codec in section.pictures.values() for number in codec]
    lines = [
        f"m={section.kind} 9 {section.protocol} " + " ".join(str(number) for number in formats if number is not None),
        "c=IN IP4 0.0.0.0",
        f"a=mid:{section.mid}",
        "a=rtcp-mux",
    ]
    lines += ["a=rtcp-rsize"] if section.rtcp_rsize else []
    return [*lines, "a=rtcp-xr:rcvr-rtt=all"] if section.tells_time else lines


def _section(section: Section, stream: SlotStream | None) -> list[str]:
    lines = ["a=recvonly" if stream is None else "a=sendonly"]
    lines += _extension_lines(section, receiving=stream is None)
    lines += _codec_lines(section, receiving=stream is None)
    if stream is not None:
        lines += _stream_lines(section, stream)
    elif section.rids:
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines.append("a=simulcast:recv " + ";".join(section.rids))
    return lines


def _extension_lines(section: Section, *, receiving: bool) -> list[str]:
    way = "/recvonly" if receiving else "/sendonly"
    return [
        f"a=extmap:{number}{way if uri in section.one_way else ''} {uri}"
        for uri, number in section.extensions.items()
        if receiving or uri not in (RID, REPAIRED_RID)
    ]


def _codec_lines(section: Section, *, receiving: bool) -> list[str]:
    """Only feedback that was offered; REMB bounds what a client sends beside its transport-cc estimate.

    RED stands behind Opus, so that a page sends it only when it switches to it, on a link that loses.
    """
    if section.kind == "audio":
        number = section.payload_type
        lines = [f"a=rtpmap:{number} opus/48000/2", f"a=fmtp:{number} {_OPUS_PARAMETERS}"]
        if section.opus_red is not None:
            lines += [f"a=rtpmap:{section.opus_red} red/48000/2", f"a=fmtp:{section.opus_red} {number}/{number}"]
        return lines + [f"a=rtcp-fb:{number} {name}" for name in _AUDIO_FEEDBACK if name in section.feedback]
    feedback = (*_VIDEO_FEEDBACK, "goog-remb") if receiving else _VIDEO_FEEDBACK
    lines = []
    for codec, (number, rtx) in section.pictures.items():
        lines.append(f"a=rtpmap:{number} {codec.upper()}/90000")
        lines += [f"a=fmtp:{number} profile-id=0"] if codec == "vp9" else []
        if rtx is not None:
            lines += [f"a=rtpmap:{rtx} rtx/90000", f"a=fmtp:{rtx} apt={number}"]
        lines += [f"a=rtcp-fb:{number} {name}" for name in feedback if name in section.feedback]
    return lines


def _stream_lines(section: Section, stream: SlotStream) -> list[str]:
    lines = [f"a=msid:{stream.msid} {stream.msid}"]
    ssrcs = [stream.ssrc]
    if stream.rtx_ssrc is not None and section.kind == "video" and section.vp8_rtx is not None:
        ssrcs.append(stream.rtx_ssrc)
        lines.append(f"a=ssrc-group:FID {stream.ssrc} {stream.rtx_ssrc}")
    return lines + [f"a=ssrc:{ssrc} cname:{CNAME}" for ssrc in ssrcs]
