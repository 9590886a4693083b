"""How two sides agree on a call's sound (offer and answer, RFC 3264): one codec, and the keys pressed.

Pure: names of hosts stay names, ports are given. What comes out, `Sound`, is all that the media node needs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.errors import ProtocolError
from server.telephony import PRODUCT
from server.telephony.sdes import SUITES, Key, new_key
from server.telephony.sdp import INACTIVE, RECVONLY, SENDONLY, SENDRECV, Description, Format, Media

OPUS, G722, PCMA, PCMU = "OPUS", "G722", "PCMA", "PCMU"
CODECS = (OPUS, G722, PCMA, PCMU)
"""All that we have, best sound first."""

_OFFERED = {
    OPUS: Format(107, OPUS, 48_000, 2, "useinbandfec=1; stereo=0; sprop-stereo=0"),
    G722: Format(9, G722, 8_000),
    PCMA: Format(8, PCMA, 8_000),
    PCMU: Format(0, PCMU, 8_000),
}
_EVENTS = "TELEPHONE-EVENT"
_KEYS = "0-15"  # the twelve keys and A to D (RFC 4733 §3.2)
_OFFERED_EVENTS = {8_000: 101, 48_000: 102}
_NOISE = 13
_SPELLED = {OPUS: "opus", _EVENTS: "telephone-event"}
_UNREACHABLE = ("0.0.0.0", "::")  # noqa: S104  # RFC 2543's way to say hold
_ANSWERED = {SENDRECV: SENDRECV, SENDONLY: INACTIVE, RECVONLY: SENDONLY, INACTIVE: INACTIVE}
"""Who only sends has put us on hold (RFC 3264 §8.4): a meeting, or a recorded answer, need not hear that music."""


class CannotAgreeError(ProtocolError):
    """There is no sound that both sides have: 488."""


@dataclass(frozen=True)
class Sound:
    """What was agreed. `host` may be a name; sound goes to wherever theirs comes from, once it comes.

    `sending` and `receiving` are the payload types of the codec each way, `events` and `noise` those under which we
    get pressed keys (RFC 4733) and comfort noise (RFC 3389), None without. `their_events`: where keys have another
    number in their answer, for some send them by that. `sends` and `receives`: whether we may, and want any.
    `reports`: RTCP comes and goes at the same ports (rtcp-mux).
    """

    codec: str
    host: str
    port: int
    sending: int
    receiving: int
    events: int | None
    events_clock: int
    noise: int | None
    sends: bool
    receives: bool
    ptime: int
    our_key: Key | None = None
    their_key: Key | None = None
    their_events: int | None = None
    reports: bool = False


@dataclass(frozen=True)
class Ours:
    """Our end of one call: where its sound arrives, and the identity of its description (o=)."""

    host: str
    port: int
    codecs: Sequence[str] = CODECS
    session: int = 0
    version: int = 1

    @classmethod
    def new(cls, host: str, port: int, codecs: Sequence[str] = CODECS) -> Ours:
        """With an id of its own."""
        return cls(host, port, codecs, secrets.randbits(31))

    def changed(self) -> Ours:
        """For a description that says something else (RFC 3264 §8)."""
        return replace(self, version=self.version + 1)


# ---- answering -----------------------------------------------------------------------------------------------------


def answer(offer: Description, ours: Ours, key: Key | None = None) -> tuple[Sound, bytes]:
    """Our answer to an offer: its first m-line of sound that we can take, of SRTP if any. Raises CannotAgreeError.

    `key` is ours of an earlier answer in the same call. It stays, for there are telephones that believe the first one
    to the end.
    """
    for chosen in sorted(offer.media, key=lambda media: not media.secure):
        found = _agree(chosen, ours, key) if chosen.usable else None
        if found is not None:
            sound, formats = found
            return sound, _write(ours, [_line(media, chosen, sound, formats, ours) for media in offer.media])
    raise CannotAgreeError("no sound of the offer can be taken")


def _agree(media: Media, ours: Ours, kept: Key | None) -> tuple[Sound, list[Format]] | None:
    """Sound and the formats that the answer names; None when there is no codec or no key in common."""
    codec = _pick_codec(media, ours)
    key = _pick_key(media)
    if codec is None or (media.secure and key is None):
        return None
    events = _pick_events(media, codec)
    noise = next((one for one in media.formats if one.payload_type == _NOISE and codec.clock == 8_000), None)
    answered = replace(codec, parameters=_OFFERED[codec.name].parameters)
    formats = [answered, *(one for one in (events, noise) if one is not None)]
    mine = _our_key(key, kept) if key is not None else None
    return _sound(media, codec, codec.payload_type, events, noise, mine, key), formats


def _sound(
    theirs: Media,
    codec: Format,
    receiving: int,
    events: Format | None,
    noise: Format | None,
    our_key: Key | None,
    their_key: Key | None,
) -> Sound:
    return Sound(
        codec=codec.name,
        host=theirs.host,
        port=theirs.port,
        sending=codec.payload_type,
        receiving=receiving,
        events=events.payload_type if events else None,
        events_clock=events.clock if events else codec.clock,
        noise=noise.payload_type if noise else None,
        sends=_direction(theirs) in (SENDRECV, RECVONLY),
        receives=_direction(theirs) == SENDRECV,
        ptime=theirs.ptime or 20,
        our_key=our_key,
        their_key=their_key,
        reports=theirs.rtcp_mux,
    )


def _direction(theirs: Media) -> str:
    """Theirs; nowhere at all is how RFC 2543 said hold."""
    return INACTIVE if theirs.host in _UNREACHABLE else theirs.direction


def _is(offered: Format, name: str) -> bool:
    wanted = _OFFERED[name]
    return (offered.name, offered.clock, offered.channels) == (name, wanted.clock, wanted.channels)


def _pick_codec(media: Media, ours: Ours) -> Format | None:
    """Ours is the order: we know what each costs."""
    return next((one for name in ours.codecs for one in media.formats if _is(one, name)), None)


def _pick_events(media: Media, codec: Format) -> Format | None:
    """With the codec's clock if there is one (RFC 4733 §2.1), else any."""
    events = [one for one in media.formats if one.name == _EVENTS]
    same = [one for one in events if one.clock == codec.clock]
    return next(iter(same or events), None)


def _pick_key(media: Media) -> Key | None:
    return min(media.keys, key=lambda one: list(SUITES).index(one.suite), default=None) if media.secure else None


def _our_key(theirs: Key, kept: Key | None) -> Key:
    if kept is None or kept.suite != theirs.suite:
        return new_key(theirs.tag, theirs.suite)
    return replace(kept, tag=theirs.tag)


def _line(media: Media, chosen: Media, sound: Sound, formats: list[Format], ours: Ours) -> list[str]:
    if media is not chosen:
        return [f"m={media.kind} 0 {media.protocol} {' '.join(media.payload_types)}"]
    return _audio(
        ours.port, media.protocol, formats, _ANSWERED[_direction(media)], media.rtcp_mux, sound.ptime, [sound.our_key]
    )


# ---- offering ------------------------------------------------------------------------------------------------------


def offer(ours: Ours, direction: str = SENDRECV, keys: Sequence[Key] = ()) -> bytes:
    """Our offer of one m-line with all codecs; with `keys` it is SRTP."""
    codecs = [_OFFERED[name] for name in ours.codecs]
    clocks = dict.fromkeys(codec.clock for codec in codecs)
    events = [Format(_OFFERED_EVENTS[clock], _EVENTS, clock) for clock in clocks]
    protocol = "RTP/SAVP" if keys else "RTP/AVP"
    return _write(ours, [_audio(ours.port, protocol, [*codecs, *events], direction, True, 20, keys)])


def accept(answered: Description, ours: Ours, keys: Sequence[Key] = ()) -> Sound:
    """What an answer to our offer settles. Raises CannotAgreeError."""
    media = answered.media[0] if len(answered.media) == 1 else None
    if media is None or not media.usable or media.secure != bool(keys):
        raise CannotAgreeError("the answer takes nothing of our offer")
    codec = next((one for one in media.formats for name in ours.codecs if _is(one, name)), None)
    if codec is None:
        raise CannotAgreeError("the answer has none of our codecs")
    theirs = next((one for one in media.keys if one.tag in {key.tag for key in keys}), None)
    mine = next((key for key in keys if theirs and (key.tag, key.suite) == (theirs.tag, theirs.suite)), None)
    if keys and mine is None:
        raise CannotAgreeError("the answer has none of our keys")
    events = _pick_events(media, codec)
    return _by_our_numbers(_sound(media, codec, _OFFERED[codec.name].payload_type, events, None, mine, theirs))


def _by_our_numbers(sound: Sound) -> Sound:
    """What comes to us has the numbers of our offer (RFC 3264 §5.1, §6.1)."""
    theirs = sound.events
    if theirs is None:
        return sound
    offered = _OFFERED_EVENTS.get(sound.events_clock, theirs)
    return replace(sound, events=offered, their_events=None if theirs in (offered, sound.receiving) else theirs)


# ---- writing -------------------------------------------------------------------------------------------------------


def _audio(
    port: int,
    protocol: str,
    formats: Sequence[Format],
    direction: str,
    rtcp_mux: bool,
    ptime: int,
    keys: Sequence[Key | None],
) -> list[str]:
    lines = [f"m=audio {port} {protocol} {' '.join(str(one.payload_type) for one in formats)}"]
    for one in formats:
        channels = f"/{one.channels}" if one.channels > 1 else ""
        lines.append(f"a=rtpmap:{one.payload_type} {_SPELLED.get(one.name, one.name)}/{one.clock}{channels}")
        parameters = _KEYS if one.name == _EVENTS else one.parameters
        if parameters:
            lines.append(f"a=fmtp:{one.payload_type} {parameters}")
    lines += [f"a=crypto:{key}" for key in keys if key is not None]
    lines += [f"a=ptime:{ptime}", "a=rtcp-mux"] if rtcp_mux else [f"a=ptime:{ptime}"]
    return [*lines, f"a={direction}"]


def _write(ours: Ours, media: Sequence[Sequence[str]]) -> bytes:
    where = f"IN {'IP6' if ':' in ours.host else 'IP4'} {ours.host}"
    lines = ["v=0", f"o=- {ours.session} {ours.version} {where}", f"s={PRODUCT}", f"c={where}", "t=0 0"]
    lines += [line for one in media for line in one]
    return ("\r\n".join(lines) + "\r\n").encode()
