"""From a participant's offer to its session: what it will send, its slots with their SSRCs, and our answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiortc.rtcdtlstransport import RTCCertificate

from server.media.inward.uplink import OUR_SSRC, Uplink, UplinkPlan
from server.media.joining import sdp
from server.media.joining.bounds import Bounds
from server.media.joining.sdp import Offer, Section
from server.media.joining.sdp_answer import SlotStream, build_answer
from server.media.outward.downlink import Downlink
from server.media.outward.slots import Slot
from server.media.participant import Participant
from server.media.protocol import AUDIO_SLOTS, VIDEO_SLOTS, Kind, SlotInfo
from server.media.transport.dtls import DtlsLink, fingerprint
from server.media.transport.ice import Address, Consent, Credentials
from server.media.transport.paths import Path
from server.media.transport.policing import Allowance
from server.media.wire.opus import RATE
from server.media.wire.rtp import VIDEO_CLOCK


@dataclass
class _Streams:
    """SSRCs handed out so far, and the streams of the answer by mid."""

    used: set[int] = field(default_factory=lambda: {0, OUR_SSRC})
    by_mid: dict[str, SlotStream] = field(default_factory=dict)

    def ssrc(self) -> int:
        while (number := secrets.randbits(32)) in self.used:
            pass
        self.used.add(number)
        return number


class Negotiation:
    """Answers offers for a node with this certificate, these addresses and this port."""

    def __init__(
        self,
        certificate: RTCCertificate,
        candidates: list[Address],
        send: Callable[[bytes, Address], object],
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        self._certificate = certificate
        self._candidates = candidates
        self._send = send
        self._bounds = bounds

    def accept(self, name: str, room: str, text: str, now: float) -> tuple[Participant, str, list[SlotInfo]]:
        """A new session, our answer, and the slots by mid. Raises ProtocolError for an offer that cannot be served."""
        offer = sdp.parse_offer(text)
        credentials = Credentials.new()
        downlink = Downlink(_extension(offer, sdp.TRANSPORT_CC), self._bounds.downlink_mbit * 1e6)
        streams = _Streams()
        voices = _slots(offer.audio_slots[:AUDIO_SLOTS], downlink, streams)
        pictures = _slots(offer.video_slots[:VIDEO_SLOTS], downlink, streams)
        answer = build_answer(
            offer,
            ufrag=credentials.ufrag,
            pwd=credentials.password,
            fingerprint=fingerprint(self._certificate),
            candidates=self._candidates,
            slots=streams.by_mid,
            session_id=secrets.randbits(40),
        )
        participant = Participant(
            name,
            secrets.token_hex(8),
            room,
            Path(credentials, Consent(now, self._bounds.lost_after, self._bounds.closed_after), now),
            DtlsLink(self._certificate, list(offer.fingerprints), lambda data: self._send_to(participant, data)),
            Uplink(name, _plan(offer), self._bounds.uplink_mbit),
            downlink,
            (voices, pictures),
            self._send,
            now,
            Allowance(now, self._bounds.uplink_mbit),
        )
        return participant, answer, _infos(offer)

    def _send_to(self, participant: Participant, data: bytes) -> None:
        if participant.path.address is not None:
            self._send(data, participant.path.address)


def _extension(offer: Offer, uri: str) -> int | None:
    """A bundle has one meaning for an id (RFC 8843 §8), so the first section that has the extension tells it."""
    return next((section.extensions[uri] for section in offer.sections if uri in section.extensions), None)


def _plan(offer: Offer) -> UplinkPlan:
    named: list[tuple[Kind, Section | None]] = [
        ("microphone", offer.microphone),
        ("camera", offer.camera),
        ("screen", offer.screen),
    ]
    sections = [(kind, section) for kind, section in named if section is not None]
    return UplinkPlan(
        kinds={section.mid: kind for kind, section in sections},
        rids={section.mid: section.rids for _, section in sections},
        ssrcs={ssrc: s.mid for _, s in sections for ssrc in s.ssrcs if ssrc not in s.fid.values()},
        rtx_ssrcs={rtx: primary for _, section in sections for primary, rtx in section.fid.items()},
        payload_types=frozenset(
            number for _, s in sections for number in (s.opus, s.opus_red, s.vp8, s.vp9) if number is not None
        ),
        vp9=next((s.vp9 for _, s in sections if s.vp9 is not None), None),
        rtx={rtx: number for _, s in sections for number, rtx in s.pictures.values() if rtx is not None},
        red={s.opus_red: s.opus for _, s in sections if s.opus_red is not None and s.opus is not None},
        mid_id=_extension(offer, sdp.MID),
        rid_id=_extension(offer, sdp.RID),
        repaired_rid_id=_extension(offer, sdp.REPAIRED_RID),
        level_id=_extension(offer, sdp.AUDIO_LEVEL),
        transport_cc_id=_extension(offer, sdp.TRANSPORT_CC),
    )


def _slots(sections: Iterable[Section], downlink: Downlink, streams: _Streams) -> list[Slot]:
    slots: list[Slot] = []
    for number, section in enumerate(sections):
        video = section.kind == "video"
        rtx = streams.ssrc() if video and section.vp8_rtx is not None else None
        slot = Slot(
            number=number,
            payload_type=section.payload_type or 0,
            clock_rate=VIDEO_CLOCK if video else RATE,
            ssrc=streams.ssrc(),
            downlink=downlink,
            rtx_ssrc=rtx,
            rtx_payload_type=section.vp8_rtx if video else None,
            red_payload_type=section.opus_red,
            codecs=section.pictures,
        )
        streams.by_mid[section.mid] = SlotStream(slot.ssrc, rtx, f"{section.kind}{number}")
        slots.append(slot)
    return slots


def _infos(offer: Offer) -> list[SlotInfo]:
    audio, video = offer.audio_slots[:AUDIO_SLOTS], offer.video_slots[:VIDEO_SLOTS]
    return [
        *(SlotInfo(mid=section.mid, kind="audio", slot=number) for number, section in enumerate(audio)),
        *(SlotInfo(mid=section.mid, kind="video", slot=number) for number, section in enumerate(video)),
    ]
