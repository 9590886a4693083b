"""The part of the protocol that is about telephone calls: their sound in the node, which knows no SIP.

A call has a name that control gives it. It begins outside every room, hears what is played to it and has its keys
told; as a participant of a room it hears the room and is heard as far as the floor allows (`SetFloor`, `SetPublish`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from server.media.terms import Message

Codec = Literal["PCMU", "PCMA", "G722", "OPUS"]


class CallTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was agreed on a call's sound.

    `sending` and `receiving` are the codec's payload types, `events` (also `their_events`) and `noise` those of pressed
    keys and comfort noise. `host` is a numeric address, empty when it was named by a name: then theirs is found by its
    packets. `sends` is whether we may (they hold the call when not), `receives` whether any need come. Keys are base64
    of master key and salt, with `suite` as SDES names it; empty without SRTP. `their_mki`: octets in each packet of
    theirs by which it says which key it is. `reports` is whether RTCP comes and goes at the sound's ports (rtcp-mux).
    """

    codec: Codec
    sending: int
    receiving: int
    events: int | None = None
    their_events: int | None = None
    noise: int | None = None
    host: str = ""
    port: int = 0
    sends: bool = True
    receives: bool = True
    suite: str = ""
    our_key: str = ""
    their_key: str = ""
    their_mki: int = 0
    reports: bool = False


class OpenCall(Message, frozen=True, tag="open_call"):
    """A port for a call's sound; answered by `CallOpened`. Nothing flows before `SetTerms`.

    A call of that name ends. Errors: `no_port`, `full`.
    """

    call: str


class SetTerms(Message, frozen=True, tag="set_terms"):
    """What was agreed, at first or anew (hold, another address); answered by `Done`. Errors: `no_call`, `bad_terms`."""

    call: str
    terms: CallTerms


class CloseCall(Message, frozen=True, tag="close_call"):
    """The call is over; answered by `Done`. No such call is no error."""

    call: str


class SeatCall(Message, frozen=True, tag="seat_call"):
    """The call is this participant of the room from now on, instead of a browser or call that was; answered by `Done`.

    What is played to it ends. Errors: `no_call`, `no_room`.
    """

    call: str
    room: str
    participant: str


class Play(Message, frozen=True, tag="play"):
    """Play sound files one after the other to a call, instead of whatever it heard; answered by `Done`.

    `Played` with this `number` follows when they are over, not when another `Play` has come before. `repeat`: for ever.
    No files: it hears the room again, or nothing. Errors: `no_call`, `cannot_read`.
    """

    call: str
    number: int = 0
    files: list[str] = msgspec.field(default_factory=list)
    repeat: bool = False


class Announce(Message, frozen=True, tag="announce"):
    """Mix a sound file into what the telephones of a room hear, once; answered by `Done`. One at a time is enough.

    Errors: `no_room`, `cannot_read`.
    """

    room: str
    file: str


class DictateCall(Message, frozen=True, tag="dictate_call"):
    """Write what the call says into a new WebM file (Opus), at most so many seconds; answered by `Done`.

    Nobody hears it because of that. It is complete when the call ends. Errors: `no_call`, `cannot_write`.
    """

    call: str
    file: str
    longest: float


class EndDictation(Message, frozen=True, tag="end_dictation"):
    """Complete that file; answered by `Dictated`. None being written is no error. Errors: `no_call`, `cannot_write`."""

    call: str


class JoinCalls(Message, frozen=True, tag="join_calls"):
    """Two calls of this node that are in no room hear each other from now on; answered by `Done`.

    What is played to them ends. Errors: `no_call`.
    """

    call: str
    other: str


CallCommand = OpenCall | SetTerms | CloseCall | SeatCall | Play | Announce | DictateCall | EndDictation | JoinCalls


class Dictated(Message, frozen=True, tag="dictated"):
    """How long what was said is, and how much of that is not silence."""

    ms: int
    spoken_ms: int


class CallOpened(Message, frozen=True, tag="call_opened"):
    """The UDP port where the call's sound arrives."""

    port: int


class CallInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the node has it, for a control process that adopts the node."""

    call: str
    room: str = ""
    participant: str = ""


class CallStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one call. `silent_for` is s since its last packet, None before the first; `delay_ms` how long its
    sound waits for late packets; `late` and `concealed` count packets and frames, `strangers` packets of third parties.
    """

    call: str
    packets_in: int
    packets_out: int
    silent_for: float | None
    delay_ms: float
    late: int
    concealed: int
    malformed: int
    strangers: int


class KeyPressed(Message, frozen=True, tag="key_pressed"):
    """A key of a telephone, once for each press. `room` is empty outside rooms."""

    call: str
    key: str
    room: str = ""


class Played(Message, frozen=True, tag="played"):
    """The files of this `Play` have been heard to their end."""

    call: str
    number: int
    room: str = ""


class CallBroken(Message, frozen=True, tag="call_broken"):
    """The node ended the call for an error of its own, which it logged; the call may be opened anew."""

    call: str
    room: str = ""


CallEvent = KeyPressed | Played | CallBroken
