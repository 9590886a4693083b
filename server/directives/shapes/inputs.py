"""What people and programs give: drafts, and commands with what they need."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from server.directives.capacity import Capacity
from server.directives.documents import DocumentType, Urgency
from server.directives.posts import Post
from server.directives.questions import Answer, Question
from server.directives.rules import RecipientRole, Relation, ReturnReason

CommandId = Annotated[str, msgspec.Meta(max_length=64)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Words = Annotated[str, msgspec.Meta(max_length=1000)]
LongText = Annotated[str, msgspec.Meta(max_length=200_000)]
Shown = Annotated[str, msgspec.Meta(max_length=200_000)]
"""The `warnings` of a check that a page has shown, parted by spaces: a recipient each at most, and a few more."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that a draft goes to."""

    unit: int
    role: RecipientRole = RecipientRole.EXECUTE


class DraftInput(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as a whole. An empty `notation` takes the organ's usual one; `secrecy` must be empty.

    `command_id` is made by the client, one for each command: a repeat gets the first answer. `relation` says what it
    is to the directive `related`, an issued one of the same unit. An `exercise` (diễn tập) is marked as one everywhere
    and numbered by itself. `revision` is the one that an edit starts from; without it the edit overwrites any.
    """

    kind: DocumentType
    subject: LongText
    body: LongText = ""
    notation: Words = ""
    urgency: Urgency = Urgency.NORMAL
    deadline: Moment | None = None
    recipients: list[Recipient] = []
    secrecy: Words = ""
    relation: Relation | None = None
    related: int | None = None
    questions: list[Question] = []
    exercise: bool = False
    revision: int | None = None
    command_id: CommandId = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command without data but its id."""

    command_id: CommandId = ""


class IssueInput(msgspec.Struct, frozen=True, kw_only=True):
    """Sign a draft, which is issued at once.

    `revision` is the one that was read: if the draft is another by now, nothing is signed. Without it any is signed.
    Without a `capacity` it is signed in the one that is usual for the signer's position.
    """

    revision: int | None = None
    capacity: Capacity | None = None
    command_id: CommandId = ""


class ScheduleInput(msgspec.Struct, frozen=True, kw_only=True):
    """Sign a draft now, to be issued at a later moment, a year ahead at most; the rest as in `IssueInput`."""

    at: Moment
    revision: int | None = None
    capacity: Capacity | None = None
    command_id: CommandId = ""


class HandBackInput(msgspec.Struct, frozen=True, kw_only=True):
    """Hand a draft that waits for a signature back to its author, with the reason."""

    note: Words
    command_id: CommandId = ""


class RegisterInput(msgspec.Struct, frozen=True, kw_only=True):
    """Register, or confirm; `made_at` is when the person did so, if the device had no network then.

    `unit` is the one that it was done for: who acts in another by now is refused, and nothing is done there. Without it
    it is done for the unit that the person acts in.
    """

    made_at: Moment | None = None
    unit: int | None = None
    command_id: CommandId = ""


class ReturnInput(msgspec.Struct, frozen=True, kw_only=True):
    """Return a document that this unit cannot take."""

    reason: ReturnReason
    note: Words = ""
    command_id: CommandId = ""


class ReportInput(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: free text, and answers to the questions; files are sent beside it as a form."""

    text: LongText = ""
    answers: Annotated[list[Answer], msgspec.Meta(max_length=100)] = []
    command_id: CommandId = ""


class AcceptInput(msgspec.Struct, frozen=True, kw_only=True):
    """Accept an answer.

    `version` is that of the answer that was read: if a newer one has come, nothing is accepted. Without it the newest
    is.
    """

    version: int | None = None
    command_id: CommandId = ""


class SendBackInput(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for more, until a new deadline; `version` as in `AcceptInput`."""

    note: Words
    deadline: Moment | None = None
    version: int | None = None
    command_id: CommandId = ""


class RecallInput(msgspec.Struct, frozen=True, kw_only=True):
    """Ask recipients to give a document up; without `units` all who still have it."""

    note: Words
    units: list[int] = []
    command_id: CommandId = ""


class PressWhich(StrEnum):
    """Which recipients are pressed."""

    LATE = "late"
    UNREGISTERED = "unregistered"


class PressInput(msgspec.Struct, frozen=True, kw_only=True):
    """Press those of `units`, or of all, that are late or have not registered; with `which` only the ones or others."""

    units: list[int] = []
    which: PressWhich | None = None
    command_id: CommandId = ""


class RecallAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`agree` says that this unit has destroyed its copy; a refusal needs a note."""

    agree: bool
    note: Words = ""
    command_id: CommandId = ""


class WaiveInput(msgspec.Struct, frozen=True, kw_only=True):
    """Free a unit from the work, with the reason."""

    note: Words
    command_id: CommandId = ""


class ExtensionInput(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for more time, before the deadline."""

    reason: Words
    until: Moment
    command_id: CommandId = ""


class ExtensionDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Grant a request (`until` another date than was asked for), or refuse it with a note."""

    grant: bool
    note: Words = ""
    until: Moment | None = None
    command_id: CommandId = ""


class AssignInput(msgspec.Struct, frozen=True, kw_only=True):
    """Who leads the work and who assists (account ids), with a note for them."""

    lead: int
    assists: Annotated[list[int], msgspec.Meta(max_length=50)] = []
    note: Words = ""
    command_id: CommandId = ""


class GapInput(msgspec.Struct, frozen=True, kw_only=True):
    """Leave out the next numbers of a register up to `until`, with the reason."""

    until: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    note: Words
    register: Literal["out", "in"] = "out"


class PostsInput(msgspec.Struct, frozen=True, kw_only=True):
    """Name people of the unit for a post, in their order."""

    post: Post
    accounts: list[int] = []


class TurnInput(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody holds a post from a day on, until the end of another; without that for the one day."""

    post: Post
    account: int
    first: date
    last: date | None = None


class AlarmsInput(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms that the person has taken note of."""

    ids: Annotated[list[int], msgspec.Meta(max_length=500)]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A checked file that stands in the file store; `question` is the number of the question that it answers."""

    name: str
    content_type: str
    size: int
    sha256: str
    question: int | None = None
