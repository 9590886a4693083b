"""The chain of custody in the database: links are added at the end and never changed.

h_n = SHA-256(h_{n-1} ‖ canonical event), so a link that is changed, taken out or put in is seen by `check`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.records.model import custody_event, record
from server.store import Transaction

SERVER = "Giao Ban"
"""Who acts where no person does."""


class What(StrEnum):
    """What happened to a record."""

    CREATED = "created"
    RECOVERED = "recovered"
    SEALED = "sealed"
    FAILED = "failed"
    VIEWED = "viewed"
    DOWNLOADED = "downloaded"
    EXPORTED = "exported"
    VERIFIED = "verified"
    FOUND_DAMAGED = "found_damaged"
    HELD = "held"
    RELEASED = "released"
    RETENTION_CHANGED = "retention_changed"


def chain_hash(previous: str, event: Mapping[str, object]) -> str:
    """SHA-256 in hex of the hash before and the event as canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(bytes.fromhex(previous) + text.encode()).hexdigest()


def person(who: Principal) -> str:
    """How a person is named in the chain: unit first."""
    return f"{who.acting.unit_name} · {who.name}"


def add(tx: Transaction, record_id: int, what: What, *, who: Principal | str = SERVER, purpose: str = "") -> str:
    """Add a link and give its hash. The record's row is locked, so that two at once get two numbers."""
    tx.execute(sa.select(record.c.id).where(record.c.id == record_id).with_for_update())
    last = tx.one(_links(record_id).order_by(custody_event.c.n.desc()).limit(1))
    link: dict[str, Any] = {
        "record_id": record_id,
        "n": last.n + 1 if last else 1,
        "what": what.value,
        "who": who if isinstance(who, str) else person(who),
        "account_id": None if isinstance(who, str) else who.account_id,
        "at": tx.now,
        "purpose": purpose,
    }
    link["hash"] = chain_hash(last.hash if last else "", canonical(link))
    tx.execute(sa.insert(custody_event).values(**link))
    return str(link["hash"])


def canonical(link: Any) -> dict[str, str | int | None]:
    """The fields of a link that its hash covers; the time in UTC with microseconds."""
    return {
        "record": link["record_id"],
        "n": link["n"],
        "what": link["what"],
        "who": link["who"],
        "account": link["account_id"],
        "at": link["at"].isoformat(timespec="microseconds"),
        "purpose": link["purpose"],
    }


def check(tx: Transaction, record_id: int) -> int | None:
    """The number of the first link that does not fit the one before it; None if the chain is whole."""
    previous = ""
    for expected, row in enumerate(tx.all(_links(record_id).order_by(custody_event.c.n)), start=1):
        link = row._mapping
        if link["n"] != expected or link["hash"] != chain_hash(previous, canonical(link)):
            return expected
        previous = link["hash"]
    return None


def lines(tx: Transaction, record_id: int) -> list[dict[str, Any]]:
    """The whole chain from its first link, canonical, each with its hash: what a package carries."""
    rows = tx.all(_links(record_id).order_by(custody_event.c.n))
    return [{**canonical(row._mapping), "hash": row.hash} for row in rows]


def _links(record_id: int) -> sa.Select[Any]:
    return sa.select(custody_event).where(custody_event.c.record_id == record_id)
