"""Commands that are done once: a repeat gets the first answer (DOMAIN, invariant 1)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives.model import command_table
from server.errors import ConflictError
from server.http.i18n import _
from server.store import Transaction

T = TypeVar("T", bound=msgspec.Struct)


def once(tx: Transaction, who: Principal, command_id: str, content: Any, work: Callable[[], T], kind: type[T]) -> T:
    """Do `work` unless this person's command was done before; then give its answer (a `kind`).

    `content` is what the command says, in JSON terms. Raises ConflictError for the same id with another content. An
    empty id is never remembered.
    """
    if not command_id:
        return work()
    digest = sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
    c = command_table.c
    mine = sa.and_(c.account_id == who.account_id, c.command_id == command_id)
    values = {"account_id": who.account_id, "command_id": command_id, "digest": digest, "answer": "", "at": tx.now}
    if tx.claim(command_table, **values) is None:
        row: Any = tx.one(sa.select(command_table).where(mine))
        if row.digest != digest:
            raise ConflictError("command_reused", _("Yêu cầu này trùng mã với một yêu cầu khác. Xin tải lại trang."))
        return msgspec.json.decode(row.answer, type=kind)
    answer = work()
    tx.execute(sa.update(command_table).where(mine).values(answer=msgspec.json.encode(answer).decode()))
    return answer
