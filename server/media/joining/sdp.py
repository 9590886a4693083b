"""A browser's offer (RFC 8866, RFC 8829) read into what the node needs of it; the answer is in `sdp_answer`.

One offer serves the whole meeting: what the participant may send (microphone, camera, screen: the first sending
section of audio, the first and the second of video) and slots to receive. How many there are is the client's choice.
Pictures are VP8; screens and slots may be VP9, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from server.errors import ProtocolError
from server.media.joining.sdp_section import (
    AUDIO_LEVEL,
    EXTENSIONS,
    MID,
    REPAIRED_RID,
    RID,
    TRANSPORT_CC,
    Block,
    Section,
    read_section,
)

__all__ = [
    "AUDIO_LEVEL",
    "EXTENSIONS",
    "MID",
    "REPAIRED_RID",
    "RID",
    "TRANSPORT_CC",
    "Offer",
    "Section",
    "parse_offer",
]

LARGEST_OFFER = 200_000  # characters; browsers' are 20 to 80 thousand
MOST_LINES = 4_000  # browsers' have up to 2,400; a node forwards nothing while it reads them
MOST_SETS = 8  # of codecs, in all sections; browsers say the same in most, which is read once
MOST_SECTIONS = 40

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_SHA256 = re.compile(r"(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}")
_RTP_PROTOCOL = "UDP/TLS/RTP/SAVPF"


@dataclass(frozen=True, slots=True)
class Offer:
    """The whole offer, checked. `fingerprints` are (hash name, value) as in a=fingerprint."""

    sections: tuple[Section, ...]
    ufrag: str
    pwd: str
    fingerprints: tuple[tuple[str, str], ...]
    allows_mixed: bool
    microphone: Section | None
    camera: Section | None
    screen: Section | None
    audio_slots: tuple[Section, ...]
    video_slots: tuple[Section, ...]

    @property
    def sending(self) -> tuple[Section, ...]:
        """The sections that we take media from, in order of microphone, camera, screen."""
        return tuple(section for section in (self.microphone, self.camera, self.screen) if section is not None)


def parse_offer(text: str) -> Offer:
    """Read and check an offer. Raises ProtocolError with the reason when the node cannot serve it."""
    session, blocks = _blocks(text)
    if len({(*block.all("rtpmap"), *block.all("fmtp")) for block in blocks}) > MOST_SETS:
        raise ProtocolError("the offer has too many sets of codecs")
    sections = _cameras_in_vp8(tuple(read_section(block) for block in blocks))
    mids = {section.mid for section in sections}
    if len(mids) != len(sections):
        raise ProtocolError("mids are not unique")
    groups = [group.split() for group in session.all("group")]
    bundled = next((set(group[1:]) for group in groups if group[:1] == ["BUNDLE"]), set())
    usable = [s for s in sections if s.kind in ("audio", "video") and s.protocol == _RTP_PROTOCOL and not s.rejected]
    active = [s for s in usable if s.direction != "inactive"]
    for section in active:
        _check(section, bundled)
    if not active:
        raise ProtocolError("nothing to send or to receive")
    _check_numbers(active)
    transport = blocks[sections.index(active[0])]
    _check_setup(transport, session)
    sending = {kind: [s for s in active if s.sends and s.kind == kind] for kind in ("audio", "video")}
    return Offer(
        sections=sections,
        ufrag=_matching(_UFRAG, _transport_value("ice-ufrag", transport, session)),
        pwd=_matching(_PASSWORD, _transport_value("ice-pwd", transport, session)),
        fingerprints=_fingerprints(transport, session),
        allows_mixed=_allows_mixed(session, blocks),
        microphone=next(iter(sending["audio"]), None),
        camera=next(iter(sending["video"]), None),
        screen=next(iter(sending["video"][1:]), None),
        audio_slots=tuple(s for s in active if s.receives and s.kind == "audio"),
        video_slots=tuple(s for s in active if s.receives and s.kind == "video"),
    )


def _cameras_in_vp8(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """The layers of a camera are those of VP8, whatever else is offered."""
    camera = next((s for s in sections if s.kind == "video" and s.sends and not s.rejected), None)
    return tuple(replace(s, vp9=None, vp9_rtx=None) if s is camera else s for s in sections)


def _blocks(text: str) -> tuple[Block, list[Block]]:
    if len(text) > LARGEST_OFFER:
        raise ProtocolError("the offer is too large")
    if text.count("\n") > MOST_LINES:
        raise ProtocolError("the offer has too many lines")
    if not text.startswith("v=0"):
        raise ProtocolError("not an SDP")
    session = block = Block("")
    blocks: list[Block] = []
    for line in text.split("\n"):
        head = line[:2]
        if head == "a=":
            name, _, value = line[2:].rstrip("\r").partition(":")
            block.attributes.setdefault(name, []).append(value)
        elif head == "m=":
            if len(blocks) == MOST_SECTIONS:
                raise ProtocolError("the offer has too many m-lines")
            block = Block(line[2:].rstrip("\r"))
            blocks.append(block)
    return session, blocks


def _check(section: Section, bundled: set[str]) -> None:
    if section.payload_type is None:
        raise ProtocolError(f"{section.kind} {section.mid} offers neither VP8 nor Opus")
    if section.mid not in bundled:
        raise ProtocolError(f"{section.kind} {section.mid} is not bundled")
    if not section.rtcp_mux:
        raise ProtocolError(f"{section.kind} {section.mid} has no rtcp-mux")


def _check_numbers(sections: list[Section]) -> None:
    """In a bundle a payload type or an extension id means one thing (RFC 9143 §9.1, §14.1)."""
    meanings: dict[tuple[str, int], str] = {}
    for section in sections:
        codecs = {"opus": section.opus, "red": section.opus_red}
        for name, (number, rtx) in section.pictures.items():
            codecs |= {name: number, f"rtx of {name}": rtx}
        numbers = [(("codec", number), name) for name, number in codecs.items() if number is not None]
        numbers += [(("extension", number), uri) for uri, number in section.extensions.items()]
        for key, meaning in numbers:
            if meanings.setdefault(key, meaning) != meaning:
                raise ProtocolError(f"{key[0]} number {key[1]} means two things")


# ---- transport -----------------------------------------------------------------------------------------------------


def _transport_value(name: str, transport: Block, session: Block) -> str:
    value = transport.first(name)
    if value is None:
        value = session.first(name)
    if value is None:
        raise ProtocolError(f"the offer has no {name}")
    return value


def _matching(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise ProtocolError("ICE credentials are malformed")
    return value


def _fingerprints(transport: Block, session: Block) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for value in transport.all("fingerprint") or session.all("fingerprint"):
        name, _, digest = value.partition(" ")
        if name.lower() == "sha-256" and _SHA256.fullmatch(digest):
            found.append(("sha-256", digest.upper()))
    if not found:
        raise ProtocolError("the offer has no SHA-256 fingerprint")
    return tuple(found[:4])


def _check_setup(transport: Block, session: Block) -> None:
    if _transport_value("setup", transport, session) not in ("actpass", "active"):
        raise ProtocolError("the offer cannot be DTLS client")


def _allows_mixed(session: Block, blocks: list[Block]) -> bool:
    """One for all of a bundle: whether one-byte and two-byte forms may alternate (RFC 8285 §4.1.2)."""
    return bool(session.all("extmap-allow-mixed")) or all(block.all("extmap-allow-mixed") for block in blocks)
