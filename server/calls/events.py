"""Messages of the room's pages about telephones."""

from __future__ import annotations

from typing import Any

import msgspec

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.calls import numbers
from server.calls.dial_out import Dialler, Job
from server.channel import Message
from server.channel.messages import Caller
from server.errors import UnavailableError
from server.http.i18n import _
from server.meetings.service import telephone
from server.store import Store, Transaction


class Whom(msgspec.Struct, frozen=True, kw_only=True):
    """A unit to call, or without one all that are missing."""

    meeting: int
    unit: int | None = None


class CallMessages:
    """Handlers; `dialler` None means that this server has no telephone."""

    def __init__(self, store: Store, dialler: Dialler | None) -> None:
        self._store, self._dialler = store, dialler

    async def dial(self, caller: Caller, data: Whom) -> dict[str, Any]:
        """Call people into the meeting; the answer counts them, and names units without a number."""
        jobs, without = await self._store.read(_jobs, caller.who, data)
        if self._dialler is None or not self._dialler.able:
            raise UnavailableError("no_telephone", _("Máy chủ này chưa nối đường điện thoại để gọi ra."))
        return {"calling": self._dialler.call(jobs), "without_number": without}

    def messages(self) -> list[Message]:
        """All; whether the caller runs the meeting is checked by the service."""
        return [Message("meeting.dial", self.dial, Permission.CHAIR_MEETING, Whom, "Call missing units by telephone")]


def _jobs(tx: Transaction, who: Principal, data: Whom) -> tuple[list[Job], list[int]]:
    if data.unit is not None:
        telephone.require_invited(tx, who, data.meeting, data.unit)
        wanted = [data.unit]
    else:
        wanted = telephone.missing(tx, who, data.meeting)
    reach = numbers.reach(tx, wanted)
    jobs = [
        Job(number=one.number, meeting=data.meeting, unit=one.unit, account=one.account, asked_by=who.account_id)
        for one in reach.values()
    ]
    return jobs, [unit for unit in wanted if unit not in reach]
