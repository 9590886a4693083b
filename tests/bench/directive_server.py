"""The application for the `directive` bench: `python -m tests.bench.directive_server FOLDER`.

It is the whole control process on the database in FOLDER; `bench-<unit>` is the secret of a sign-in there. Prints
"port N"; each line on standard input issues one directive to all units and prints "committed <ns>" (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from aiohttp import web

from server.accounts.model import account_table, membership_table, session_table
from server.accounts.permissions import Role
from server.accounts.principal import Membership, Principal
from server.accounts.tokens import secret_hash
from server.app import make_app
from server.config import ROOT, Access, Database, Media, Settings, Storage
from server.directives import service
from server.directives.documents import DocumentType, Urgency
from server.directives.policy import load_policy
from server.directives.shapes import DraftInput, Recipient
from server.store import Store, Transaction, schema
from server.units.import_ import District, UnitEntry, import_tree
from server.units.rules import Level

OPEN_FOR = timedelta(hours=1)
"""How long all have been signed in, and no page of theirs has asked for anything."""


def seed(folder: Path, units: int) -> None:
    """A database with one commune over `units` villages, and somebody signed in in each; ids count from 1."""
    store = Store(f"sqlite:///{folder}/giaoban.db")
    schema.metadata.create_all(store.engine)
    commune = UnitEntry(
        code="1",
        name="Xã thử",
        short_name="Xã thử",
        level=Level.COMMUNE,
        villages=[f"Thôn {n}" for n in range(1, units + 1)],
    )
    store.write_now(import_tree, District(name="Thử", valid_from=datetime(2020, 1, 1).date(), units=[commune]))
    store.write_now(_sign_in, range(1, units + 2))
    store.close()


def _sign_in(tx: Transaction, units: Sequence[int]) -> None:
    begun = datetime.now(UTC) - OPEN_FOR
    people = [{"id": n, "username": f"p{n}", "name": f"P{n}", "password_hash": "-", "created_at": begun} for n in units]
    roles = [{"account_id": n, "unit_id": n, "role": Role.VILLAGE_HEAD.value, "valid_from": begun} for n in units]
    moments = {"created_at": begun, "seen_at": begun, "expires_at": begun + timedelta(days=1)}
    device: dict[str, Any] = {"user_agent": "", "address": "", **moments}
    sign_ins = [
        {"account_id": n, "public_id": str(n), "secret_hash": secret_hash(f"bench-{n}"), **device} for n in units
    ]
    for table, rows in ((account_table, people), (membership_table, roles), (session_table, sign_ins)):
        tx.execute(sa.insert(table), rows)


def leader() -> Principal:
    """Who issues."""
    role = Role.LEADER
    acting = Membership(id=1, unit_id=1, unit_name="", level="commune", bloc="GOVERNMENT", role=role)
    return Principal(
        account_id=1, username="b", name="B", session_id="", language="vi", acting=acting, memberships=(acting,)
    )


async def serve(folder: Path) -> None:
    """Serve until standard input ends."""
    settings = Settings(
        database=Database(url=f"sqlite:///{folder}/giaoban.db"),
        storage=Storage(data=str(folder), recordings=str(folder)),
        media=Media(udp_port=0, socket=str(folder / "media.sock")),
        access=Access(requests_per_minute=1_000_000),
    )
    store = Store(settings.database_url())
    app = make_app(settings, store)
    committed: list[int] = []
    store.listeners.insert(0, lambda events, _notes: committed.append(time.monotonic_ns()) if len(events) > 1 else None)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
    await site.start()
    print("port", runner.addresses[0][1], flush=True)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    policy = load_policy(ROOT / "config", ZoneInfo(settings.timezone), 1)
    recipients = [Recipient(unit=unit.id) for unit in await store.read(service.reachable, 1)]
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        draft = DraftInput(
            kind=DocumentType.CONG_DIEN,
            subject="Ứng phó mưa lớn, lũ trên sông",
            urgency=Urgency.FLASH,
            deadline=datetime.now(UTC) + timedelta(days=7),
            recipients=recipients,
        )
        await store.write(service.create_and_issue, leader(), policy, draft)
        print("committed", committed.pop(), flush=True)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
