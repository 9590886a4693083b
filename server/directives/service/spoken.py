"""Answers that people speak into the telephone: kept from the first word on, sent as the unit's report."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from server.accounts.permissions import Permission
from server.accounts.principal import Principal
from server.directives.model import spoken_table
from server.directives.policy import Policy
from server.directives.rules import UNREGISTERED, State, Through
from server.directives.service.access import BOTH, delivery_to_us, v
from server.directives.service.kept import SpokenState
from server.directives.service.receive import register, report
from server.directives.shapes import Attachment, DeliveryDone, ReportInput, Upload, WhyKept
from server.errors import ConflictError, NotFoundError
from server.http.i18n import _
from server.store import Transaction

s = spoken_table.c
SOUND = "audio/webm"


class Unfinished(msgspec.Struct, frozen=True):
    """What was being said when the server ended."""

    id: int
    file: str


def begin_spoken(tx: Transaction, who: Principal, directive_id: int, file: str) -> int:
    """Somebody begins to speak into `file`, a name in the folder of unfinished answers; done twice it is one."""
    row = delivery_to_us(tx, who, directive_id)
    mine = sa.and_(s.delivery_id == row.id, s.file == file, s.state == SpokenState.RECORDING)
    begun = tx.one(sa.select(s.id).where(mine))
    if begun is not None:
        return int(begun.id)
    known = {"account_id": who.account_id, "account_name": who.name, "file": file, "at": tx.now}
    return tx.insert(spoken_table, delivery_id=row.id, state=SpokenState.RECORDING, **known)


def keep_spoken(tx: Transaction, key: int, file: Upload, ms: int, why: WhyKept = WhyKept.CUT) -> None:
    """What was said is safe in the file store."""
    values = {"state": SpokenState.KEPT, "why": why, "sha256": file.sha256, "size": file.size, "ms": ms}
    tx.execute(sa.update(spoken_table).where(s.id == key).values(**values))


def drop_spoken(tx: Transaction, key: int) -> None:
    """The person says it again, or has said nothing."""
    tx.execute(sa.update(spoken_table).where(s.id == key).values(state=SpokenState.DROPPED))


def why_kept(tx: Transaction, key: int, why: WhyKept) -> None:
    """Note why it was not sent."""
    kept = sa.and_(s.id == key, s.state == SpokenState.KEPT)
    tx.execute(sa.update(spoken_table).where(kept).values(why=why))


def unfinished_spoken(tx: Transaction) -> list[Unfinished]:
    """What was being said when the server ended."""
    rows = tx.all(sa.select(s.id, s.file).where(s.state == SpokenState.RECORDING).order_by(s.id))
    return [Unfinished(row.id, row.file) for row in rows]


def send_spoken(
    tx: Transaction, who: Principal, policy: Policy, key: int, command_id: str = "", through: Through | None = None
) -> DeliveryDone:
    """Make a kept answer the unit's report; whoever answers has received the directive, which is registered first.

    Raises NotFoundError, ConflictError, and UserError as `report` (questions that only writing answers).
    """
    who.require(Permission.ANSWER_DELIVERY)
    row = _spoken_of(tx, key, who)
    if row is None or row.unit_id != who.unit_id:
        raise _no_answer()
    if row.spoken_state != SpokenState.KEPT:
        raise ConflictError("already_sent", _("Câu trả lời này đã được gửi."))
    if State(row.state) in UNREGISTERED and who.may(Permission.REGISTER_DELIVERY):
        register(tx, who, policy, row.directive_id, through=through)
    file = Upload(name=f"tra-loi-{key}.webm", content_type=SOUND, size=row.size, sha256=row.sha256)
    minutes, seconds = divmod(round(row.ms / 1000), 60)
    text = f"Trả lời bằng lời qua điện thoại, dài {minutes}:{seconds:02}."
    data = ReportInput(text=text, command_id=command_id)
    done = report(tx, who, policy, row.directive_id, data, [file], through)
    tx.execute(sa.update(spoken_table).where(s.id == key).values(state=SpokenState.SENT, why=None))
    return done


def spoken_file(tx: Transaction, who: Principal, key: int) -> Attachment:
    """The sound, for the unit that answers and for the issuer. Raises NotFoundError."""
    row = _spoken_of(tx, key, who)
    if row is None or row.sha256 is None:
        raise _no_answer()
    name = f"tra-loi-{key}.webm"
    return Attachment(id=key, name=name, content_type=SOUND, size=row.size, sha256=row.sha256)


def _spoken_of(tx: Transaction, key: int, who: Principal) -> Any:
    """The answer with its delivery, locked, if it is between the person's unit and another."""
    columns = (s.state.label("spoken_state"), s.sha256, s.size, s.ms)
    ours = sa.or_(v.unit_id == who.unit_id, v.issuer_id == who.unit_id)
    query = BOTH.add_columns(*columns).join(spoken_table, s.delivery_id == v.id).where(s.id == key, ours)
    return tx.one(query.with_for_update(of=spoken_table))


def _no_answer() -> NotFoundError:
    return NotFoundError("no_answer", _("Không có câu trả lời này."))
