"""Messages of the room's pages about telephones."""

from __future__ import annotations

from typing import Any

import msgspec

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.calls import numbers, own_call
from server.calls.dial_out import Dialler, Job
from server.channel import Message
from server.channel.messages import Caller
from server.errors import UnavailableError
from server.http.i18n import _
from server.meetings.service import calling, telephone
from server.store import Store, Transaction


class Whom(msgspec.Struct, frozen=True, kw_only=True):
    """A unit to call, or without one all that are missing."""

    meeting: int
    unit: int | None = None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A meeting in which the caller sits."""

    meeting: int


class CallMessages:
    """Handlers; `dialler` None means that this server has no telephone."""

    def __init__(self, store: Store, dialler: Dialler | None) -> None:
        self._store, self._dialler = store, dialler

    def _able(self) -> Dialler:
        """Raises UnavailableError."""
        if self._dialler is None or not self._dialler.able:
            raise UnavailableError("no_telephone", _("Máy chủ này chưa nối đường điện thoại để gọi ra."))
        return self._dialler

    async def dial(self, caller: Caller, data: Whom) -> dict[str, Any]:
        """Call people into the meeting; the answer counts them, and names units without a number."""
        jobs, without = await self._store.read(_jobs, caller.who, data)
        dialler = self._able()
        fresh = {job.key: job for job in reversed(jobs) if not dialler.is_calling(job)}  # one telephone rings once
        queued = [job.unit for job in fresh.values() if job.unit is not None]
        await self._store.write(calling.note, data.meeting, queued, without)
        return {"calling": dialler.call(jobs), "without_number": without}

    async def numbered(self, caller: Caller, data: About) -> dict[str, Any]:
        """Which units have a number, so that no button offers to call the others."""
        return {"units": await self._store.read(_numbered, caller.who, data.meeting)}

    async def dial_in(self, caller: Caller, data: About) -> dict[str, Any]:
        """The numbers and the code that who runs the meeting tells people; empty where there are none."""
        code = await self._store.read(telephone.code_for_host, caller.who, data.meeting)
        numbers_in = self._dialler.numbers if self._dialler else []
        return {"numbers": numbers_in, "code": code if numbers_in else ""}

    async def by_telephone(self, caller: Caller, data: About) -> dict[str, Any]:
        """How the person could go on by telephone; all is empty where this server has none."""
        dialler = self._dialler
        if dialler is None:
            return msgspec.structs.asdict(own_call.Ways())
        ways = await self._store.read(own_call.ways, caller.who, data.meeting, dialler.numbers, able=dialler.able)
        return msgspec.structs.asdict(ways)

    async def call_me(self, caller: Caller, data: About) -> None:
        """Call the person into the meeting; how it goes is told by `meeting.own_call`."""
        job = await self._store.read(own_call.job, caller.who, data.meeting)
        self._able().call([job])

    def messages(self) -> list[Message]:
        """All; whether the caller runs the meeting, or sits in it, is checked by the service."""
        join = Permission.JOIN_MEETING
        return [
            Message("meeting.dial", self.dial, Permission.CHAIR_MEETING, Whom, "Call missing units by telephone"),
            Message("meeting.numbered", self.numbered, Permission.CHAIR_MEETING, About, "Which units have a number"),
            Message("meeting.dial_in", self.dial_in, Permission.CHAIR_MEETING, About, "What those who call in need"),
            Message("meeting.by_telephone", self.by_telephone, join, About, "How one could go on by telephone"),
            Message("meeting.call_me", self.call_me, join, About, "Have the own registered number called"),
        ]


def _numbered(tx: Transaction, who: Principal, meeting_id: int) -> list[int]:
    return sorted(numbers.reach(tx, calling.invited(tx, who, meeting_id)))


def _jobs(tx: Transaction, who: Principal, data: Whom) -> tuple[list[Job], list[int]]:
    if data.unit is not None:
        calling.require_invited(tx, who, data.meeting, data.unit)
        wanted = [data.unit]
    else:
        wanted = calling.missing(tx, who, data.meeting)
    reach = numbers.reach(tx, wanted)
    jobs = [
        Job(number=one.number, meeting=data.meeting, unit=one.unit, account=one.account, asked_by=who.account_id)
        for one in reach.values()
    ]
    return jobs, [unit for unit in wanted if unit not in reach]
