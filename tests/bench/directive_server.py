"""The application for the `directive` bench: `python -m tests.bench.directive_server FOLDER`.

It is the whole control process on the database in FOLDER, but who connects as `bench:<unit>` is believed. Prints
"port N"; each line on standard input issues one directive to all units and prints "committed <ns>" (CLOCK_MONOTONIC).
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from server.accounts.model import account_table, session_table
from server.accounts.permissions import Role
from server.accounts.principal import Membership, Principal
from server.app import make_app
from server.channel import CHANNEL
from server.config import ROOT, Access, Database, Media, Settings, Storage
from server.directives import service
from server.directives.documents import DocumentType, Urgency
from server.directives.policy import load_policy
from server.directives.shapes import DraftInput, Recipient
from server.store import Store, schema
from server.units.import_ import District, UnitEntry, import_tree
from server.units.rules import Level

SESSION = "s"


def seed(folder: Path, units: int) -> None:
    """A database with one commune over `units` villages, and one account with a sign-in; ids count from 1."""
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
    now = datetime.now(UTC)
    values: dict[str, Any] = {"username": "b", "name": "B", "password_hash": "-", "created_at": now}
    store.write_now(lambda tx: tx.insert(account_table, **values))
    values = {"public_id": SESSION, "secret_hash": SESSION, "account_id": 1, "user_agent": "", "address": ""}
    values |= {"created_at": now, "seen_at": now, "expires_at": now + timedelta(days=1)}
    store.write_now(lambda tx: tx.insert(session_table, **values))  # connections without one are ended each minute
    store.close()


def person(unit: int, role: Role) -> Principal:
    """Somebody of a unit."""
    acting = Membership(id=1, unit_id=unit, unit_name="", level="village", bloc="GOVERNMENT", role=role)
    return Principal(
        account_id=1, username="b", name="B", session_id=SESSION, language="vi", acting=acting, memberships=(acting,)
    )


async def _identify(_cookie: str | None, token: str | None) -> Principal | None:
    return person(int(token.removeprefix("bench:")), Role.VILLAGE_HEAD) if token else None


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
    app[CHANNEL].identify = _identify
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
        await store.write(service.create_and_issue, person(1, Role.LEADER), policy, draft)
        print("committed", committed.pop(), flush=True)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
