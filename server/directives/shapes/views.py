"""What is read: directives, deliveries, and the lists that they stand in."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import msgspec

from server.calls.rules import Outcome
from server.directives.ball import Holder
from server.directives.capacity import Capacity
from server.directives.documents import DocumentType, Urgency
from server.directives.questions import Answer, Question, Tally
from server.directives.rules import DirectiveState, RecipientRole, Relation, ReturnReason, State, Through, Timeliness
from server.directives.shapes.inputs import Recipient
from server.units.rules import Bloc


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


class WhyKept(StrEnum):
    """Why a spoken answer was not sent: the call ended before, or it cannot be a report as it is."""

    CUT = "cut"
    REFUSED = "refused"


class SpokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer spoken into the telephone that nobody has sent yet; its sound is at `/directives/spoken/{id}`."""

    id: int
    person: str
    at: datetime
    ms: int
    why: WhyKept


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A call to the unit about the directive; `outcome` is `running` as long as it lasts."""

    at: datetime
    person: str
    outcome: Outcome
    for_clerk: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a delivery's history; without a person a device did it."""

    event: str
    before: State
    after: State
    at: datetime
    person: str
    note: str
    through: Through | None = None


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


class CarriedOn(msgspec.Struct, frozen=True, kw_only=True):
    """A document by which a unit carries a directive on; `held` counts those below who are not done with it."""

    directive: int
    state: DirectiveState
    number_text: str
    subject: str
    held: int


class HandedOver(msgspec.Struct, frozen=True, kw_only=True):
    """The delivery to another unit that this one goes on with, or by which it is gone on with, as a unit has ended.

    `state` and `deadline` are those of the work when it was handed over; `responses` what was answered before.
    """

    delivery: int
    unit: int
    unit_name: str
    state: State
    deadline: datetime | None
    at: datetime
    responses: list[Response] = []


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One directive × one recipient unit. `due` is the deadline of what the unit has to do next.

    `first_deadline` is the one that it was issued with. History and the rest below are there when one delivery is asked
    for; `held` and `called` on the issuer's board too. `asking`: it has asked for more time, and nobody has decided.
    `pressed_at`, on the board: when the issuer last pressed the unit. `unreachable`: it has not arrived, nobody of the
    unit has signed in for long, and nobody has a telephone number. `taken_over` and `handed_to` are there once a unit
    has ended. `replaced_by`, in the inbox too, is the number of what has replaced the directive, for a unit that is
    done with it and holds a copy.
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
    registered_through: Through | None
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
    asking: bool = False
    extensions: list[Extension] = []
    responses: list[Response] = []
    changes: list[Change] = []
    called: list[Called] = []
    unreachable: bool = False
    pressed_at: datetime | None = None
    spoken: list[SpokenAnswer] = []
    taken_over: list[HandedOver] = []
    handed_to: list[HandedOver] = []
    replaced_by: str = ""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How far the units are, each counted by itself; `unregistered` could still register or return it.

    The issuer has to decide about `asking`, requests for more time, and `unjudged`, answers.
    """

    sent: int = 0
    arrived: int = 0
    seen: int = 0
    registered: int = 0
    unregistered: int = 0
    reported: int = 0
    completed: int = 0
    returned: int = 0
    withdrawn: int = 0
    overdue: int = 0
    asking: int = 0
    unjudged: int = 0


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the issuer's board: a commune with its villages, or recipients that belong together otherwise.

    `units` are its recipients, late ones first, else in the order of the tree; the board has their deliveries.
    `unreachable` counts those whom neither a page nor a call tells. Without `unit` it is the organs of `bloc`, or with
    neither the communes that are recipients without their villages.
    """

    key: str
    unit: int | None
    name: str
    bloc: Bloc | None
    units: list[int]
    counts: Counts
    unreachable: int

    @property
    def troubled(self) -> bool:
        """Whether somebody is late, out of reach, or has returned it."""
        return bool(self.counts.overdue or self.unreachable or self.counts.returned)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The document of another organ that came as edXML and became this draft or directive.

    `business` is 0 for a new one, 2 for an update, 3 for a replacement. `registry_number` is its số đến, once the clerk
    has registered it, `refused_at` when the unit refused it. `withdrawn_at` is when its sender's recall came, and
    `recall_agreed` what the unit answered. `same` are other drafts and directives of the same number, notation and
    organ, `replaced_by` what its sender has replaced it by.
    """

    document: int
    organ_name: str
    number_text: str
    type_name: str
    promulgated_on: date
    business: int
    at: datetime
    registered_at: datetime | None
    registry_number: int | None
    withdrawn_at: datetime | None
    withdrawn_reason: str
    recall_agreed: bool | None
    recall_note: str
    refused_at: datetime | None
    refused_reason: ReturnReason | None
    refused_note: str
    same: list[int]
    replaced_by: list[int]


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """That a leader handed a draft back to its author, and why."""

    at: datetime
    person: str
    note: str


class Directive(msgspec.Struct, frozen=True, kw_only=True):
    """A directive without its deliveries; `scheduled_at` is the moment that it was signed for.

    `signer_authority` is the line over the signer's position that the capacity makes: “KT. CHỦ TỊCH”.
    `revision` is to be named by who signs it. `schedule_problem` is the code of what kept it from being issued then; in
    `failed:1f2e3d4c` the part behind the colon is that of the incident in the server's log.
    `returns` are there as long as it is a draft, newest first.
    """

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
    signer_capacity: Capacity | None
    signer_authority: str
    author: str
    changed_at: datetime
    revision: int
    attachments: list[Attachment]
    recipients: list[Recipient]
    relation: Relation | None = None
    related: int | None = None
    questions: list[Question] = []
    exercise: bool = False
    scheduled_at: datetime | None = None
    schedule_problem: str = ""
    source: Source | None = None
    returns: list[Returned] = []


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient as the others see it: `state` is there for the lead, of those who assist it."""

    unit: int
    name: str
    role: RecipientRole
    state: State | None = None


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
    exercise: bool = False


class ReceivedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the inbox."""

    directive: int
    number_text: str
    kind: DocumentType
    subject: str
    unit_name: str
    urgency: Urgency
    delivery: Delivery
    exercise: bool = False


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
    revision: int
    counts: Counts
    exercise: bool = False
    scheduled_at: datetime | None = None
    schedule_problem: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A directive as its reader may see it: a recipient's own delivery, or the issuer's board with all answers.

    `addressees` are all recipients as this one sees them. `board` may be a part of the deliveries; `states` are those
    of all, each once. `unreachable` counts the recipients whom neither a page nor a call tells.
    """

    directive: Directive
    delivery: Delivery | None = None
    addressees: list[Addressee] = []
    board: list[Delivery] | None = None
    branches: list[Branch] = []
    counts: Counts | None = None
    unreachable: int = 0
    states: list[State] = []
    chain: list[Link] = []
    answers: list[Tally] = []
