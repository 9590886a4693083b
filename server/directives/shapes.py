"""What the API takes and gives; pages use the same shapes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from server.directives.ball import Holder
from server.directives.documents import DocumentType, Urgency
from server.directives.posts import Duty, Post
from server.directives.questions import Answer, Question, Tally
from server.directives.rules import DirectiveState, RecipientRole, Relation, ReturnReason, State, Timeliness
from server.directives.running import AlarmKind, ClockName

CommandId = Annotated[str, msgspec.Meta(max_length=64)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Words = Annotated[str, msgspec.Meta(max_length=1000)]
LongText = Annotated[str, msgspec.Meta(max_length=200_000)]


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that a draft goes to."""

    unit: int
    role: RecipientRole = RecipientRole.EXECUTE


class DraftInput(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as a whole. An empty `notation` takes the organ's usual one; `secrecy` must be empty.

    `command_id` is made by the client, one for each command: a repeat gets the first answer. `relation` says what it
    is to the directive `related`, an issued one of the same unit.
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
    command_id: CommandId = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command without data but its id."""

    command_id: CommandId = ""


class RegisterInput(msgspec.Struct, frozen=True, kw_only=True):
    """Register, or confirm; `made_at` is when the person did so, if the device had no network then."""

    made_at: Moment | None = None
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


class SendBackInput(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for more, until a new deadline."""

    note: Words
    deadline: Moment | None = None
    command_id: CommandId = ""


class RecallInput(msgspec.Struct, frozen=True, kw_only=True):
    """Ask recipients to give a document up; without `units` all who still have it."""

    note: Words
    units: list[int] = []
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


class DirectiveDone(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command about a directive."""

    id: int
    state: DirectiveState
    number_text: str = ""


class DeliveryDone(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command about a delivery; `registry_number` is the số đến, if it was given one."""

    id: int
    directive: int
    state: State
    registry_number: int | None = None


class RecallDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients were asked, and how many have nothing to give up (completed, returned, withdrawn)."""

    id: int
    asked: int
    left: int


class AlarmDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many alarms are off the person's list now."""

    acknowledged: int


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file to download from `/directives/attachments/{id}`."""

    id: int
    name: str
    content_type: str
    size: int
    sha256: str
    question: int | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a unit's answer; `accepted` is null until the issuer decides."""

    version: int
    text: str
    author: str
    at: datetime
    accepted: bool | None
    note: str
    attachments: list[Attachment]
    answers: list[Answer] = []


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a delivery's history; without a person a device did it."""

    event: str
    before: State
    after: State
    at: datetime
    person: str
    note: str


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """A request for more time; `granted` is null until the issuer decides, and stays so if the unit answered first."""

    asked_at: datetime
    reason: str
    deadline_before: datetime
    until: datetime
    pending: bool
    granted: bool | None
    decided_at: datetime | None
    note: str


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a delivery's time: whose turn it was, and whether it was late by their own clock."""

    holder: Holder
    begin: datetime
    end: datetime
    late: bool


class Assigned(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who works on a delivery."""

    account: int
    name: str
    lead: bool
    note: str


class ChildCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How far those are whom a unit has forwarded a delivery to; `directive` is the newest document that did so.

    `open` counts those who must still do something: as long as there is one, the parent is not completed.
    """

    directive: int
    sent: int
    open: int
    registered: int
    reported: int


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One directive × one recipient unit. `due` is the deadline of what the unit has to do next.

    `first_deadline` is the one that it was issued with. History and the rest below are there when one delivery is asked
    for; `held` on the issuer's board too.
    """

    id: int
    unit: int
    unit_name: str
    role: RecipientRole
    state: State
    edxml: str
    timeliness: Timeliness
    due: datetime | None
    deadline: datetime | None
    sent_at: datetime
    arrived_at: datetime | None
    seen_at: datetime | None
    registered_at: datetime | None
    confirmed_at: datetime | None
    registry_number: int | None
    reported_at: datetime | None
    completed_at: datetime | None
    return_reason: str
    return_note: str
    first_deadline: datetime | None = None
    assigned: list[Assigned] = []
    children: ChildCounts | None = None
    held: list[Held] = []
    extensions: list[Extension] = []
    responses: list[Response] = []
    changes: list[Change] = []


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How far the units are, each counted by itself."""

    sent: int = 0
    arrived: int = 0
    seen: int = 0
    registered: int = 0
    reported: int = 0
    completed: int = 0
    returned: int = 0
    withdrawn: int = 0
    overdue: int = 0


class Directive(msgspec.Struct, frozen=True, kw_only=True):
    """A directive without its deliveries."""

    id: int
    state: DirectiveState
    unit: int
    unit_name: str
    kind: DocumentType
    number_text: str
    notation: str
    subject: str
    body: str
    urgency: Urgency
    deadline: datetime | None
    issued_at: datetime | None
    signer: str
    signer_position: str
    author: str
    changed_at: datetime
    attachments: list[Attachment]
    recipients: list[Recipient]
    relation: Relation | None = None
    related: int | None = None
    questions: list[Question] = []


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A document of a chain: what it is to the document `related` of the same chain."""

    directive: int
    number_text: str
    kind: DocumentType
    subject: str
    unit_name: str
    issued_at: datetime
    relation: Relation | None
    related: int | None


class ReceivedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the inbox."""

    directive: int
    number_text: str
    kind: DocumentType
    subject: str
    unit_name: str
    urgency: Urgency
    delivery: Delivery


class SentLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the outbox; a draft has no counts yet."""

    directive: int
    state: DirectiveState
    number_text: str
    kind: DocumentType
    subject: str
    urgency: Urgency
    deadline: datetime | None
    issued_at: datetime | None
    changed_at: datetime
    counts: Counts


class PostHolders(msgspec.Struct, frozen=True, kw_only=True):
    """Who is named for a post (account ids), and the names of those who are told now."""

    post: Post
    named: list[int]
    told: list[str]


class UnitPosts(msgspec.Struct, frozen=True, kw_only=True):
    """The posts of a unit, and its people who may be named."""

    unit: int
    people: list[tuple[int, str]]
    posts: list[PostHolders]


class AlarmLine(msgspec.Struct, frozen=True, kw_only=True):
    """A reminder or an escalation that still holds, for one person."""

    id: int
    delivery: int
    directive: int
    number_text: str
    subject: str
    unit: int
    unit_name: str
    urgency: Urgency
    clock: ClockName
    kind: AlarmKind
    duty: Duty
    due: datetime
    raised_at: datetime


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """What was raised for the person and still holds, newest first."""

    alarms: list[AlarmLine]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers `first` to `last` that a register does not have."""

    register: str
    year: int
    first: int
    last: int
    reason: str
    at: datetime
    person: str


class DuplicateWhy(StrEnum):
    """Which of the three layers found it."""

    NUMBER = "number"
    FILE = "file"
    SUBJECT = "subject"


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """A document that may ask the same already."""

    directive: int
    why: DuplicateWhy
    number_text: str
    subject: str
    unit_name: str
    issued_at: datetime


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient with much due on the same day; `first` is the first day that is free enough."""

    unit: int
    unit_name: str
    open: int
    due_that_day: int
    first: datetime


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer should know before the click; nothing of it forbids the issue.

    `day_off`: the deadline falls on a day that is not worked; `short`: it is sooner than one must even register (T1).
    """

    duplicates: list[Duplicate] = []
    day_off: bool = False
    short: bool = False
    working_hours: float | None = None
    loads: list[Load] = []
    first_feasible: datetime | None = None

    @property
    def warns(self) -> bool:
        """Whether there is anything to consider."""
        return bool(self.duplicates or self.day_off or self.short or self.loads)


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """What came, open or done."""

    deliveries: list[ReceivedLine]


class Outbox(msgspec.Struct, frozen=True, kw_only=True):
    """Drafts and what was issued."""

    drafts: list[SentLine]
    issued: list[SentLine]
    pages: int = 1


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A directive as its reader may see it: a recipient's own delivery, or the issuer's board with all answers."""

    directive: Directive
    delivery: Delivery | None = None
    board: list[Delivery] | None = None
    counts: Counts | None = None
    chain: list[Link] = []
    answers: list[Tally] = []
