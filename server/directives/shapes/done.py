"""What commands answer."""

from __future__ import annotations

from typing import Literal

import msgspec

from server.directives.rules import DirectiveState, State


class DirectiveDone(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command about a directive; `revision` is that of a draft."""

    id: int
    state: DirectiveState
    number_text: str = ""
    revision: int | None = None


class DeliveryDone(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command about a delivery; `registry_number` is the số đến, if it was given one."""

    id: int
    directive: int
    state: State
    registry_number: int | None = None


class CallDone(msgspec.Struct, frozen=True, kw_only=True):
    """Who is being called, and where."""

    delivery: int
    person: str
    number: str


class RecallDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients were asked, and how many have nothing to give up (completed, returned, withdrawn)."""

    id: int
    asked: int
    left: int


class PressDone(msgspec.Struct, frozen=True, kw_only=True):
    """Units that were pressed now, and how many were left out because they were within the last hour."""

    id: int
    pressed: list[int]
    lately: int


class AlarmDone(msgspec.Struct, frozen=True, kw_only=True):
    """How many alarms are off the person's list now."""

    acknowledged: int


class EdxmlDone(msgspec.Struct, frozen=True, kw_only=True):
    """What was made of an edXML file: a draft of a `document`, the mark on one that its sender recalled (`recall`), or
    a step of a delivery of ours (`status`; `state` is where it stands).

    `repeated` says that it was known already and nothing was done. `same` are drafts and directives of the same number,
    notation and organ. `document` is the id under which the document itself is registered, sent back and kept.
    """

    kind: Literal["document", "recall", "status"]
    directive: int | None
    document: int | None = None
    delivery: int | None = None
    state: State | None = None
    repeated: bool = False
    same: list[int] = []


class EdxmlAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """A document that came as edXML, and what there is of it: no `directive` once its draft was destroyed."""

    document: int
    directive: int | None


class EdxmlRegistered(msgspec.Struct, frozen=True, kw_only=True):
    """A document that came as edXML, and its số đến; `directive` is what was made of it, if that is still there."""

    document: int
    directive: int | None
    registry_year: int
    registry_number: int
