"""One m-line of an offer (RFC 8866 §5.14, RFC 8829 §5): its codecs, header extensions, layers and streams."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from server.errors import ProtocolError
from server.media.terms import Codec

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
EXTENSIONS = frozenset({MID, RID, REPAIRED_RID, AUDIO_LEVEL, TRANSPORT_CC})

ALIKE = 64  # sets of lines whose meaning is kept: a browser repeats its own in each section, all alike browsers theirs
Lines = tuple[str, ...]

_MOST_RIDS = 4
_MOST_RID_LINES = 16
_MOST_FORMATS = 80  # browsers have up to 34
_MOST_SSRCS = 32
_MOST_SSRC_LINES = 4 * _MOST_SSRCS  # browsers tell up to four things of each
_LARGEST_EXTENSION_ID = 14  # what the one-byte form can carry (RFC 8285 §4.2)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_MEDIA = re.compile(r"([a-z]{1,16}) ([0-9]{1,5}) ([A-Za-z0-9/.-]{1,32})((?: [A-Za-z0-9.-]{1,32})+)")
_RTPMAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9.-]{1,32})/([0-9]{1,6})(?:/([0-9]{1,2}))?")
_EXTMAP = re.compile(r"([0-9]{1,4})(?:/([a-z]{8,8}))? (\S+)(?: .*)?")
_FID = re.compile(r"FID ([0-9]{1,10}) ([0-9]{1,10})")
_PROFILE = re.compile(r"(?:.*;)? *profile-id=([^;]*)(?:;.*)?")
_SSRC = re.compile(r"([0-9]{1,10})(?: .*)?")
_DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


class Block:
    """The attribute lines of the session or of one m-line."""

    __slots__ = ("attributes", "media")

    def __init__(self, media: str) -> None:
        self.media = media
        self.attributes: dict[str, list[str]] = {}

    def all(self, name: str) -> list[str]:
        """Every value of an attribute, in order."""
        return self.attributes.get(name, [])

    def first(self, name: str) -> str | None:
        """The first value of an attribute, "" for a flag, None when it is missing."""
        values = self.attributes.get(name)
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line of the offer. Directions are the client's: `sendonly` is what comes to us.

    `extensions`: local id by URI, of those in `EXTENSIONS` that can go the section's way; those in `one_way` were
    offered for one direction only. `fid`: RTX SSRC by primary SSRC. `rids` in the order of a=simulcast. `vp9` is of
    profile 0. `feedback`: the values of a=rtcp-fb for all codecs that we use. `formats`: all payload formats, as
    written. `tells_time`: whether the client measures the round trip also where it sends nothing (RFC 3611 §5.1).
    """

    mid: str
    kind: str
    protocol: str
    formats: tuple[str, ...]
    rejected: bool
    direction: str
    vp8: int | None
    vp8_rtx: int | None
    vp9: int | None
    vp9_rtx: int | None
    opus: int | None
    opus_red: int | None
    feedback: frozenset[str]
    extensions: Mapping[str, int]
    one_way: frozenset[str]
    rids: tuple[str, ...]
    ssrcs: tuple[int, ...]
    fid: Mapping[int, int]
    rtcp_mux: bool
    rtcp_rsize: bool
    tells_time: bool

    @property
    def payload_type(self) -> int | None:
        """Of VP8 or Opus; None when the section has neither."""
        return self.vp8 if self.kind == "video" else self.opus

    @property
    def pictures(self) -> dict[Codec, tuple[int, int | None]]:
        """Payload types of the codecs of pictures, the first preferred, and those of their RTX."""
        offered: dict[Codec, tuple[int | None, int | None]] = {
            "vp8": (self.vp8, self.vp8_rtx),
            "vp9": (self.vp9, self.vp9_rtx),
        }
        return {codec: (number, rtx) for codec, (number, rtx) in offered.items() if number is not None}

    @property
    def sends(self) -> bool:
        """Whether the client may send here."""
        return self.direction in ("sendonly", "sendrecv")

    @property
    def receives(self) -> bool:
        """Whether the client only receives here."""
        return self.direction == "recvonly"


def read_section(block: Block) -> Section:
    """Read what the node knows of a section and pass over the rest. Raises ProtocolError when malformed."""
    media = _MEDIA.fullmatch(block.media)
    mid = block.first("mid") or ""
    if media is None or not _NAME.fullmatch(mid):
        raise ProtocolError("an m-line or its mid is malformed")
    kind, port, protocol, rest = media.groups()
    formats = tuple(rest.split())
    if max(len(formats), len(block.all("rtpmap")), len(block.all("fmtp"))) > _MOST_FORMATS:
        raise ProtocolError("an m-line has too many formats")
    codecs = _codecs(tuple(block.all("rtpmap")), tuple(block.all("fmtp")), formats)
    used = [codecs[name] for name in (("vp8", "vp9") if kind == "video" else ("opus",)) if name in codecs]
    direction = next((name for name in _DIRECTIONS if name in block.attributes), "sendrecv")
    extensions, one_way = _extensions(tuple(block.all("extmap")), direction)
    told = tuple(block.all("rtcp-fb"))
    return Section(
        mid=mid,
        kind=kind,
        protocol=protocol,
        formats=formats,
        rejected=int(port) == 0 and "bundle-only" not in block.attributes,
        direction=direction,
        vp8=codecs.get("vp8"),
        vp8_rtx=codecs.get("vp8_rtx"),
        vp9=codecs.get("vp9"),
        vp9_rtx=codecs.get("vp9_rtx"),
        opus=codecs.get("opus"),
        opus_red=codecs.get("red"),
        feedback=frozenset.intersection(*(_feedback(told, number) for number in used)) if used else frozenset(),
        extensions=extensions,
        one_way=one_way,
        rids=_rids(block),
        ssrcs=_ssrcs(block),
        fid=_fid(block),
        rtcp_mux="rtcp-mux" in block.attributes,
        rtcp_rsize="rtcp-rsize" in block.attributes,
        tells_time=any("rcvr-rtt=all" in value.split() for value in block.all("rtcp-xr")),
    )


@lru_cache(ALIKE)
def _codecs(rtpmaps: Lines, fmtps: Lines, formats: Lines) -> Mapping[str, int]:
    """Payload types of `vp8`, `vp9` (profile 0), `opus`, and of what repairs them: `vp8_rtx`, `vp9_rtx`, `red`; the
    first of each.
    """
    maps: dict[str, str] = {}
    for value in rtpmaps:
        match = _RTPMAP.fullmatch(value)
        if match and match[1] in formats and int(match[1]) < 128:
            maps[match[1]] = "/".join(part for part in match.groups()[1:] if part).lower()
    parameters = dict(value.split(" ", 1) for value in fmtps if " " in value)
    codecs: dict[str, int] = {}
    names = {"vp8/90000": "vp8", "vp9/90000": "vp9", "opus/48000/2": "opus"}
    for number, offered in maps.items():
        if offered in names and (offered != "vp9/90000" or _is_profile_0(parameters.get(number, ""))):
            codecs.setdefault(names[offered], int(number))
    repaired = {f"apt={codecs[name]}": f"{name}_rtx" for name in ("vp8", "vp9") if name in codecs}
    for number, offered in maps.items():
        described = parameters.get(number, "").strip()
        if offered == "rtx/90000" and described in repaired:
            codecs.setdefault(repaired[described], int(number))
        elif offered == "red/48000/2" and described.split("/")[0] == str(codecs.get("opus")):
            codecs.setdefault("red", int(number))
    return codecs


def _is_profile_0(parameters: str) -> bool:
    """Of VP9, whose profile is 0 where none is told (RFC 9628 §6)."""
    profile = _PROFILE.fullmatch(parameters)
    return profile is None or profile[1].strip() == "0"


@lru_cache(ALIKE)
def _feedback(told: Lines, payload_type: int) -> frozenset[str]:
    mine = (f"{payload_type} ", "* ")
    return frozenset(value.split(" ", 1)[1] for value in told if value.startswith(mine))


@lru_cache(ALIKE)
def _extensions(extmaps: Lines, direction: str) -> tuple[Mapping[str, int], frozenset[str]]:
    wrong_way = "sendonly" if direction == "recvonly" else "recvonly"
    extensions: dict[str, int] = {}
    one_way: set[str] = set()
    for value in extmaps:
        match = _EXTMAP.fullmatch(value)
        if match is None or match[3] not in EXTENSIONS or match[2] in (wrong_way, "inactive"):
            continue
        number = int(match[1])
        if 1 <= number <= _LARGEST_EXTENSION_ID:
            extensions[match[3]] = number
            if match[2] in ("sendonly", "recvonly"):
                one_way.add(match[3])
    if len(set(extensions.values())) != len(extensions):
        raise ProtocolError("two header extensions have the same id")
    return extensions, frozenset(one_way)


def _rids(block: Block) -> tuple[str, ...]:
    """The layers of a=simulcast:send that have their a=rid (RFC 8853 §5.1), of alternatives the first."""
    if len(block.all("rid")) > _MOST_RID_LINES:
        raise ProtocolError("an m-line has too many lines about layers")
    described = {value.split(" ")[0] for value in block.all("rid") if value.split(" ")[1:2] == ["send"]}
    words = (block.first("simulcast") or "").split()
    if "send" not in words[:-1]:
        return ()
    streams = words[words.index("send") + 1].split(";")
    rids = [stream.split(",")[0].lstrip("~") for stream in streams]
    if len(rids) > _MOST_RIDS or len(set(rids)) != len(rids):
        raise ProtocolError("the simulcast layers are too many or not unique")
    if not all(_NAME.fullmatch(rid) and rid in described for rid in rids):
        raise ProtocolError("a simulcast layer has no a=rid")
    return tuple(rids)


def _number(digits: str) -> int:
    number = int(digits)
    if number > 0xFFFF_FFFF:
        raise ProtocolError("an SSRC has more than 32 bits")
    return number


def _ssrcs(block: Block) -> tuple[int, ...]:
    if len(block.all("ssrc")) > _MOST_SSRC_LINES:
        raise ProtocolError("an m-line has too many lines about SSRCs")
    matches = (_SSRC.fullmatch(value) for value in block.all("ssrc"))
    found = tuple(dict.fromkeys(_number(match[1]) for match in matches if match))
    if len(found) > _MOST_SSRCS:
        raise ProtocolError("an m-line has too many SSRCs")
    return found


def _fid(block: Block) -> dict[int, int]:
    if len(block.all("ssrc-group")) > _MOST_SSRCS:
        raise ProtocolError("an m-line has too many SSRC groups")
    matches = (_FID.fullmatch(value) for value in block.all("ssrc-group"))
    return {_number(match[1]): _number(match[2]) for match in matches if match}
