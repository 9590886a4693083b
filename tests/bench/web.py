"""Pages over a million deliveries: server time of inbox, board, registers, search, home and so on, both databases.

A district with its 90 units has issued for years. The whole application answers; what is measured is its own time for a
request, from the first middleware to the answer.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from server.accounts import demo, service, sessions
from server.accounts.identify import COOKIE
from server.accounts.model import membership_table
from server.app import make_app
from server.config import ROOT, Access, Database, Media, Settings, Storage
from server.directives import service as directives
from server.directives.documents import Urgency
from server.directives.keys import POLICY
from server.directives.model import (
    assignment_table,
    change_table,
    counter_table,
    delivery_table,
    directive_table,
    directive_words,
    received_words,
    response_table,
)
from server.directives.rules import DirectiveState, Event, RecipientRole, State, stage_of
from server.http.keys import ON_REQUEST
from server.store import Store, Transaction, schema
from server.store.search import exact
from server.units import service as units
from server.units.import_ import import_tree, read_district
from tests.bench.figures import Figure, percentile
from tests.postgres import new_database, postgres_cluster

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
YEARS = 5
WIDE = 1000
BATCH = 200  # directives
OPEN_SHARE = 0.01
KINDS = ("Kế hoạch", "Công văn", "Thông báo", "Chỉ thị", "Công điện")
SUBJECTS = (
    "Rà soát hộ nghèo, hộ cận nghèo năm {year}",
    "Ứng phó mưa lớn, lũ trên sông Hiếu đợt {n}",
    "Ra quân làm thủy lợi nội đồng vụ Đông Xuân, tuyến {n}",
    "Phòng cháy, chữa cháy rừng mùa khô năm {year}",
    "Tiêm phòng gia súc, gia cầm đợt {n}",
)
LIFE = (
    (Event.ARRIVE, State.SENT, State.ARRIVED, "arrived_at"),
    (Event.SEE, State.ARRIVED, State.SEEN, "seen_at"),
    (Event.REGISTER, State.SEEN, State.REGISTERED, "registered_at"),
    (Event.REPORT, State.REGISTERED, State.REPORTED, "reported_at"),
    (Event.ACCEPT, State.REPORTED, State.COMPLETED, "completed_at"),
)
PAGES = {
    "inbox": ("camthuy", "/directives/in"),
    "inbox_done": ("camthuy", "/directives/in?done=true"),
    "outbox": ("vanthu", "/directives/out"),
    "outbox_last": ("vanthu", "/directives/out?page=220"),
    "outbox_late": ("vanthu", "/directives/out?late=true"),
    "late": ("chutich", "/directives/late"),
    "board": ("vanthu", "/directives/{newest}"),
    "delivery": ("vanthu", "/deliveries/{newest}"),
    "register_out": ("vanthu", "/registers?register=out"),
    "register_in": ("vanthu.camthuy", "/registers?register=in"),
    "search_common": ("vanthu", "/registers?words=ke+hoach"),
    "search_exact": ("vanthu", "/registers?words=l%C5%A9+s%C3%B4ng"),
    "search_rare": ("vanthu", "/registers?words=%22tuyen+1777%22"),
    "search_in": ("vanthu.camthuy", "/registers?register=in&words=thuy+loi"),
    "home_leader": ("chutich", "/"),
    "home_commune": ("camthuy", "/"),
    "wall": ("vanthu", "/wall"),
    "wall_tiles": ("vanthu", "/wall/tiles"),
}
WIDE_PAGES = {
    "board_wide": ("vanthu", "/directives/{newest}"),
    "board_wide_renewed": ("vanthu", "/directives/{newest}/board?open=none"),
}
"""A directive to WIDE units, in a district that has so many; what its script asks for while all branches are closed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=20, help="of each page")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Fill each database and ask for each page."""
    for name in options.databases:
        folder = Path(tempfile.mkdtemp(prefix="gb-web-"))
        try:
            with _database(name, folder) as url:
                async for figure in _measure(name, url, folder, options):
                    yield figure
        finally:
            shutil.rmtree(folder)


@contextmanager
def _database(name: str, folder: Path) -> Iterator[str]:
    if name == "sqlite":
        yield f"sqlite:///{folder}/giaoban.db"
        return
    with postgres_cluster(on_disk=True) as cluster:
        yield new_database(cluster, "web")


async def _measure(name: str, url: str, folder: Path, options: argparse.Namespace) -> AsyncIterator[Figure]:
    settings = Settings(
        database=Database(url=url),
        storage=Storage(data=str(folder / "data"), recordings=str(folder / "recordings")),
        media=Media(socket=""),
        access=Access(requests_per_minute=1_000_000),
        demo=True,
    )
    store = Store(url, clock=lambda: NOW)
    newest = _fill(store, options.deliveries)
    app = make_app(settings, store)
    store.write_now(directives.reschedule, app[POLICY])
    while store.write_now(directives.sweep, app[POLICY]):
        pass  # years of reminders, which a server that ran all the time would have told long ago
    seconds: list[float] = []
    app.setdefault(ON_REQUEST, []).append(lambda _method, _status, taken: seconds.append(taken))
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        for pages in (PAGES, WIDE_PAGES):
            if pages is WIDE_PAGES:
                newest = _widen(store, newest)
            for page, (username, path) in pages.items():
                who = store.read_now(service.principal_of, username)
                opened = store.write_now(
                    sessions.open_session, who.account_id, "127.0.0.1", "bench", timedelta(hours=12)
                )
                headers = {"Accept": "text/html", "Cookie": f"{COOKIE}={opened.secret}"}
                seconds.clear()
                for _ in range(options.requests):
                    async with client.get(path.format(newest=newest), headers=headers) as reply:
                        assert reply.status == 200, (page, reply.status, await reply.text())
                        await reply.read()
                taken = [1000 * one for one in seconds]
                yield Figure(f"web.{page}_ms_{name}", round(statistics.median(taken), 1), "ms", len(taken))
                yield Figure(f"web.{page}_p95_ms_{name}", round(percentile(taken, 0.95), 1), "ms", len(taken))


def _fill(store: Store, deliveries: int) -> int:
    """A district that has issued so much; gives the id of the newest directive."""
    assert schema.metadata.tables
    store.create_schema()
    district = read_district(ROOT / "config" / "districts" / "camlo.toml")
    store.write_now(import_tree, district)
    store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)
    leader = store.read_now(service.principal_of, "chutich")
    below = [unit.id for unit in store.read_now(units.descendants, leader.unit_id)]
    count = -(-deliveries // len(below))
    chance = random.Random(7)
    for begin in range(0, count, BATCH):
        numbers = range(begin + 1, min(begin + BATCH, count) + 1)
        store.write_now(_write, [_directive(n, count, leader) for n in numbers], below, chance)
    store.write_now(_count, leader.unit_id, below, count)
    store.write_now(_follow)
    with store.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
            "ANALYZE" if connection.dialect.name == "sqlite" else "VACUUM ANALYZE"  # as autovacuum does by itself
        )
    return count


def _widen(store: Store, newest: int) -> int:
    """Give the district WIDE units, and issue one more directive, to all of them; gives its id."""
    district = read_district(ROOT / "config" / "districts" / "camlo.toml")
    villages = [f"Thôn {number}" for number in range(1, WIDE // 8)]
    entries = [msgspec.structs.replace(one, villages=villages) if one.villages else one for one in district.units]
    store.write_now(import_tree, msgspec.structs.replace(district, units=entries))
    leader = store.read_now(service.principal_of, "chutich")
    below = [unit.id for unit in store.read_now(units.descendants, leader.unit_id)][:WIDE]
    assert len(below) == WIDE
    directive = {**_directive(newest + 1, newest + 1, leader), "issued_at": NOW - timedelta(days=3)}
    store.write_now(_write, [directive], below, random.Random(8))
    return newest + 1


def _directive(n: int, count: int, leader: Any) -> dict[str, Any]:
    at = NOW - timedelta(days=YEARS * 365) * (1 - n / count) - timedelta(hours=1)
    year = at.year
    kind, subject = KINDS[n % len(KINDS)], SUBJECTS[n % len(SUBJECTS)].format(year=year, n=n)
    number_text = f"{n}/UBND"
    return {
        "id": n,
        "unit_id": leader.unit_id,
        "state": DirectiveState.ISSUED.value,
        "kind": kind,
        "notation": "UBND",
        "subject": subject,
        "body": "Các xã, thị trấn triển khai và báo cáo. " * 20,
        "urgency": Urgency.NORMAL.value,
        "deadline": at + timedelta(days=10),
        "author_id": leader.account_id,
        "created_at": at,
        "changed_at": at,
        "year": year,
        "number": n,
        "number_text": number_text,
        "signer_id": leader.account_id,
        "signer_name": leader.name,
        "signer_position": "",
        "issued_at": at,
        "search_exact": exact(f"{number_text} {kind} {subject} {leader.name}"),
        "organ_exact": exact(leader.acting.unit_name),
    }


def _write(tx: Transaction, rows: list[dict[str, Any]], below: list[int], chance: random.Random) -> None:
    tx.execute(sa.insert(directive_table), rows)
    directive_words.put_all(tx.connection, [(row["id"], row["search_exact"]) for row in rows])
    received_words.put_all(tx.connection, [(row["id"], f"{row['search_exact']} {row['organ_exact']}") for row in rows])
    tx.execute(sa.insert(delivery_table), [_delivery(row, unit, chance) for row in rows for unit in below])


def _delivery(directive: dict[str, Any], unit: int, chance: random.Random) -> dict[str, Any]:
    at = directive["issued_at"]
    recent = NOW - at < timedelta(days=20)
    is_open = chance.random() < (0.5 if recent else OPEN_SHARE)
    state = State.REGISTERED if is_open else State.COMPLETED
    received = {"arrived_at": at, "seen_at": at, "registered_at": at, "registry_year": at.year}
    return {
        "directive_id": directive["id"],
        "unit_id": unit,
        "issuer_id": directive["unit_id"],
        "role": RecipientRole.EXECUTE.value,
        "state": state.value,
        "stage": stage_of(state).value,
        "seq": directive["id"],
        "deadline": directive["deadline"],
        "sent_at": at,
        "registry_number": directive["id"],
        "reported_at": None if is_open else at + timedelta(days=3),
        "completed_at": None if is_open else at + timedelta(days=4),
        "alarm_at": None,
        **received,
    }


def _follow(tx: Transaction) -> None:
    """What came of each delivery: who works on it, its history line by line, and an answer where it is completed."""
    v, m = delivery_table.c, membership_table.c
    people = sa.select(m.unit_id, sa.func.min(m.account_id).label("account_id")).group_by(m.unit_id).subquery()
    theirs = sa.select(v.id, people.c.account_id).join(people, people.c.unit_id == v.unit_id)
    working = theirs.add_columns(sa.literal("lead"), v.registered_at, people.c.account_id)
    columns = ["delivery_id", "account_id", "part", "at", "assigned_by"]
    tx.execute(sa.insert(assignment_table).from_select(columns, working))
    for event, before, after, moment in LIFE:
        names = (sa.literal(one.value) for one in (event, before, after))
        line = sa.select(v.id, *names, v[moment]).where(v[moment].is_not(None))
        tx.execute(sa.insert(change_table).from_select(["delivery_id", "event", "before", "after", "at"], line))
    said = sa.literal(1), sa.literal("Đã làm xong, báo cáo kèm theo."), sa.literal("Cán bộ"), v.reported_at, sa.true()
    answers = theirs.add_columns(*said, v.completed_at).where(v.completed_at.is_not(None))
    columns = ["delivery_id", "account_id", "version", "text", "author_name", "at", "accepted", "judged_at"]
    tx.execute(sa.insert(response_table).from_select(columns, answers))


def _count(tx: Transaction, leader_unit: int, below: list[int], count: int) -> None:
    """The counters where the rows are."""
    rows = [{"register": "in", "unit_id": unit, "year": NOW.year, "last": count} for unit in below]
    rows.append({"register": "out", "unit_id": leader_unit, "year": NOW.year, "last": count})
    tx.execute(sa.insert(counter_table), rows)
    if tx.connection.dialect.name == "postgresql":
        for table in (directive_table, delivery_table, change_table, response_table):
            last = f"(SELECT max(id) FROM {table.name})"
            tx.execute(sa.text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
