"""Going on by telephone where a line carries not even voices: the person's own call, asked for from the room's page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from server.accounts.principal import Principal
from server.calls import log, numbers, pins
from server.calls.dial_out import Job
from server.calls.rules import Purpose
from server.errors import NotFoundError, TooManyError
from server.http.i18n import _
from server.meetings.service import telephone
from server.store import Transaction

MOST = 3
WITHIN = timedelta(minutes=15)
"""So many calls of one person in so long: a telephone that rings too often is switched off."""


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How a person may go on by telephone; what is empty cannot be.

    `tail` is the end of the number that we call when asked. Of the district's `numbers` one is dialled, then the own
    PIN where there is one (`pin`: it is on the person's sheet, nobody can show it), else the meeting's `code` and the
    digits of the `unit`.
    """

    tail: str = ""
    numbers: Sequence[str] = ()
    pin: bool = False
    code: str = ""
    unit: str = ""


def ways(tx: Transaction, who: Principal, meeting_id: int, dialled: Sequence[str], *, able: bool) -> Ways:
    """For who sits in the meeting. `dialled` are the district's numbers, `able` is whether we can call."""
    code, unit = telephone.codes(tx, who, meeting_id)
    number = number_of(tx, who) if able else None
    return Ways(
        tail=number[-3:] if number else "",
        numbers=dialled,
        pin=who.account_id in pins.those_with(tx),
        code=code,
        unit=unit,
    )


def number_of(tx: Transaction, who: Principal) -> str | None:
    """Of the person, else of the unit acted for."""
    own = numbers.of(tx, [who.account_id]).get(who.account_id)
    unit = numbers.reach(tx, [who.unit_id]).get(who.unit_id) if own is None else None
    return unit.number if unit is not None else own


def job(tx: Transaction, who: Principal, meeting_id: int) -> Job:
    """The call. Raises NotFoundError (not invited, no number), ConflictError (not in the room), TooManyError."""
    telephone.codes(tx, who, meeting_id)
    number = number_of(tx, who)
    if number is None:
        raise NotFoundError("no_number", _("Chưa có số điện thoại của đồng chí. Xin báo người quản trị ghi số."))
    if log.asked_for(tx, who.account_id, Purpose.OWN, tx.now - WITHIN) >= MOST:
        raise TooManyError(
            "too_many_calls",
            _("Đã gọi đồng chí nhiều lần. Xin chờ ít phút rồi bấm lại, hoặc gọi điện cho thư ký."),
            retry_after=int(WITHIN.total_seconds()),
        )
    return Job(
        number=number,
        purpose=Purpose.OWN,
        meeting=meeting_id,
        unit=who.unit_id,
        account=who.account_id,
        asked_by=who.account_id,
    )
