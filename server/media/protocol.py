"""What the control process and a media node say to each other: one JSON object a line over a Unix socket.

Control sends `Request`s, the node answers each with a `Reply` of the same id and sends `Event`s in between. Every
message is a frozen struct with a tag, so that a line decodes to one type or is refused. Ids of rooms, participants and
recordings are opaque text to the node. A change of meaning raises `VERSION`: a control process that finds a node of
another version ends it, recordings closed, and starts its own; pages come back by themselves.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from server.errors import ProtocolError
from server.media.protocol_calls import CallCommand, CallEvent, CallInfo, CallOpened, Dictated
from server.media.statistics import LayerStats as LayerStats
from server.media.statistics import ParticipantStats as ParticipantStats
from server.media.statistics import ShownCount as ShownCount
from server.media.statistics import Stats as Stats
from server.media.terms import QUALITIES as QUALITIES
from server.media.terms import RUNGS as RUNGS
from server.media.terms import SOUNDS as SOUNDS
from server.media.terms import Codec as Codec
from server.media.terms import Kind as Kind
from server.media.terms import Message
from server.media.terms import Picture as Picture
from server.media.terms import Quality as Quality
from server.media.terms import Rung as Rung
from server.media.terms import SessionState as SessionState
from server.media.terms import Sound as Sound
from server.media.terms import worst as worst

VERSION = 5
LINE_LIMIT = 1 << 20  # bytes; an offer is 30 to 74 KB
AUDIO_SLOTS = 3
VIDEO_SLOTS = 12


# ---- commands: control -> node -------------------------------------------------------------------------------------


class Hello(Message, frozen=True, tag="hello"):
    """First line of a control process; answered by `Welcome`."""

    version: int = VERSION


class OpenRoom(Message, frozen=True, tag="open_room"):
    """Make a room, or do nothing if it is there; answered by `Done`."""

    room: str


class CloseRoom(Message, frozen=True, tag="close_room"):
    """End every session of the room, close its recording; answered by `Done`. No such room is no error."""

    room: str


class Join(Message, frozen=True, tag="join"):
    """A participant's one offer for the whole meeting; answered by `Joined`.

    A second `Join` of the same participant ends the first session (reload, other device). Errors: `no_room`,
    `bad_offer`, `full`.
    """

    room: str
    participant: str
    offer: str


class Leave(Message, frozen=True, tag="leave"):
    """End a participant's session; answered by `Done`. Not being there is no error."""

    room: str
    participant: str


class SetFloor(Message, frozen=True, tag="set_floor"):
    """Who may be heard: these participants, or with None everybody; answered by `Done`."""

    room: str
    holders: list[str] | None


class SetPublish(Message, frozen=True, tag="set_publish"):
    """What of a participant is passed on (the chair's mute works here, whatever the browser sends)."""

    room: str
    participant: str
    microphone: bool = True
    camera: bool = True
    screen: bool = True


class Want(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a subscriber's video slot shows: a source of a kind about `width` CSS pixels wide, or with None nothing."""

    slot: int
    source: str | None = None
    kind: Picture = "camera"
    width: int = 640


class ShowSlots(Message, frozen=True, tag="show_slots"):
    """The subscriber's whole wish for its `VIDEO_SLOTS` slots (those not named show nothing); answered by `Done`.

    A source that is not there yet is remembered and shown as soon as it sends.
    """

    room: str
    participant: str
    wants: list[Want]


class StartRecording(Message, frozen=True, tag="start_recording"):
    """Record the programme (switched picture, mixed sound) as a new segment in `directory`; answered by `Done`.

    Errors: `disk_full`, `already_recording`, `cannot_write`.
    """

    room: str
    recording: str
    directory: str


class StopRecording(Message, frozen=True, tag="stop_recording"):
    """Close the files of the recording; answered by `RecordingClosed` when they are complete on disk."""

    room: str
    recording: str


class GetStats(Message, frozen=True, tag="get_stats"):
    """Answered by `Stats`."""

    room: str | None = None


class Shutdown(Message, frozen=True, tag="shutdown"):
    """Close recordings, end sessions, end the process; answered by `Done` when all recordings are complete."""


Command = (
    Hello
    | OpenRoom
    | CloseRoom
    | Join
    | Leave
    | SetFloor
    | SetPublish
    | ShowSlots
    | StartRecording
    | StopRecording
    | GetStats
    | Shutdown
    | CallCommand
)


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line from control to node."""

    id: int
    command: Command


# ---- answers: node -> control --------------------------------------------------------------------------------------


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One participant as the node sees it, for a control process that adopts the node."""

    participant: str
    session: str
    state: SessionState


class RoomInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One room as the node sees it."""

    room: str
    sessions: list[SessionInfo]
    recording: str | None = None


class Welcome(Message, frozen=True, tag="welcome"):
    """Who the node is and what it carries."""

    version: int
    pid: int
    udp_port: int
    rooms: list[RoomInfo]
    calls: list[CallInfo] = msgspec.field(default_factory=list)


class Done(Message, frozen=True, tag="done"):
    """The command was carried out."""


class SlotInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One receiving m-line of the answer: its mid, and its number among the slots of its kind."""

    mid: str
    kind: Literal["audio", "video"]
    slot: int


class Joined(Message, frozen=True, tag="joined"):
    """The one answer for the whole meeting; `session` names this connection in events."""

    answer: str
    session: str
    slots: list[SlotInfo]


class RecordingFile(msgspec.Struct, frozen=True, kw_only=True):
    """One closed file of a recording, its hash taken while it was written."""

    name: str
    bytes: int
    sha256: str
    media_ms: int


class RecordingClosed(Message, frozen=True, tag="recording_closed"):
    """The segment's files, complete and synced."""

    room: str
    recording: str
    segment: int
    files: list[RecordingFile]


class Failed(Message, frozen=True, tag="failed"):
    """The command was not carried out; `code` is stable, `message` is for the log."""

    code: str
    message: str = ""


Answer = Welcome | Done | Joined | Stats | RecordingClosed | CallOpened | Dictated | Failed


class Reply(Message, frozen=True, tag="reply"):
    """The answer to the request of this id."""

    id: int
    answer: Answer


# ---- events: node -> control ---------------------------------------------------------------------------------------


class SessionChanged(Message, frozen=True, tag="session_changed"):
    """A session connected (DTLS up), was lost (no consent for a while; may come back) or closed (why)."""

    room: str
    participant: str
    session: str
    state: SessionState
    reason: str = ""


class TrackChanged(Message, frozen=True, tag="track_changed"):
    """Media of a kind began or ceased to arrive from a participant."""

    room: str
    participant: str
    kind: Kind
    live: bool


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How loud: 0 is silence, 127 the loudest (127 less the level of RFC 6464)."""

    participant: str
    level: int


class Speaking(Message, frozen=True, tag="speaking"):
    """The loudest first, those in audio slots only; at most ten a second, sent when it changes."""

    room: str
    loudest: list[Level]


class ProgrammeChanged(Message, frozen=True, tag="programme_changed"):
    """What the programme shows from now on: the shared screen first, else who speaks, else nobody."""

    room: str
    source: str | None
    kind: Picture = "camera"


class RecordingFailed(Message, frozen=True, tag="recording_failed"):
    """The recording stopped by itself (`disk_full`, `cannot_write`); what was written stays; the meeting goes on."""

    room: str
    recording: str
    code: str
    message: str = ""


class LayersWanted(Message, frozen=True, tag="layers_wanted"):
    """The sender shall send these layers of its picture (rids; `""` for one without layers) and no others.

    In `codec` if it can; it is `vp8` for cameras.
    """

    room: str
    participant: str
    kind: Picture
    rids: list[str]
    codec: Codec = "vp8"


class VoiceWanted(Message, frozen=True, tag="voice_wanted"):
    """The sender's voice shall take this many kbit/s in packets of so many ms (20, 40 or 60).

    So the weakest link of the room carries it: packets have headers, and on a thin link few of them fit.
    """

    room: str
    participant: str
    kbps: int
    frame_ms: int = 20


class LinkChanged(Message, frozen=True, tag="link_changed"):
    """How well a participant takes part: a word for people, the rung of `ladder`, and what its link does not carry.

    Of the slots that it wishes for, `paused` get no picture now and `still` one every few seconds.
    """

    room: str
    participant: str
    quality: Quality
    rung: Rung
    paused: list[int]
    still: list[int]


Event = (
    SessionChanged
    | TrackChanged
    | Speaking
    | ProgrammeChanged
    | RecordingFailed
    | LayersWanted
    | VoiceWanted
    | LinkChanged
    | CallEvent
)
FromNode = Reply | Event

_requests = msgspec.json.Decoder(Request)
_from_node: msgspec.json.Decoder[FromNode] = msgspec.json.Decoder(FromNode)
_encoder = msgspec.json.Encoder()


def encode(message: Request | FromNode) -> bytes:
    """One line, with its newline."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """A line from control. Raises ProtocolError."""
    try:
        return _requests.decode(line)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error


def decode_from_node(line: bytes) -> FromNode:
    """A line from the node. Raises ProtocolError."""
    try:
        return _from_node.decode(line)
    except msgspec.DecodeError as error:
        raise ProtocolError(str(error)) from error
