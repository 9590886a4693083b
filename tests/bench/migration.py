"""How long an upgrade takes: each migration from revision 0010 on, over a million deliveries, on both databases."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from server.store import schema
from server.store.migrate import MIGRATIONS, _config
from server.store.store import make_engine
from tests.bench.figures import Figure
from tests.bench.web import NOW, _database

OLD = "0010"
UNITS = 91
BATCH = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this bench."""
    parser.add_argument("--deliveries", type=int, default=1_000_000)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])


async def run(options: argparse.Namespace) -> AsyncIterator[Figure]:
    """Fill each database as it was at the old revision, then go forward step by step."""
    assert schema.metadata.tables
    for name in options.databases:
        folder = Path(tempfile.mkdtemp(prefix="gb-migration-"))
        try:
            with _database(name, folder) as url:
                engine = make_engine(url)
                _fill(engine, options.deliveries)
                whole = 0.0
                for revision in _newer():
                    took = _upgrade(engine, revision)
                    whole += took
                    if took >= 1:
                        yield Figure(f"migration.{revision}_s_{name}", round(took, 1), "s", options.deliveries)
                yield Figure(f"migration.all_s_{name}", round(whole, 1), "s", options.deliveries)
                engine.dispose()
        finally:
            shutil.rmtree(folder)


def _newer() -> list[str]:
    scripts = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    return sorted(script.revision for script in scripts if script.revision > OLD)


def _upgrade(engine: sa.Engine, revision: str) -> float:
    """As `migrate` does it; gives the seconds that it took."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        begun = perf_counter()
        with connection.begin():
            command.upgrade(_config(connection), revision)
        return perf_counter() - begun


def _fill(engine: sa.Engine, deliveries: int) -> None:
    _upgrade(engine, OLD)
    found = sa.MetaData()
    with engine.begin() as connection:
        found.reflect(connection, only=["unit", "account", "directive", "delivery"])
        tables = found.tables
        _insert(connection, tables["unit"], [{"id": n, "code": str(n), "valid_from": NOW.date()} for n in range(1, 92)])
        person = {"id": 1, "username": "a", "name": "A", "password_hash": "", "created_at": NOW}
        _insert(connection, tables["account"], [person])
        for begin in range(0, deliveries // UNITS, BATCH):
            numbers = range(begin + 1, begin + BATCH + 1)
            _insert(connection, tables["directive"], [_directive(n) for n in numbers])
            _insert(
                connection, tables["delivery"], [_delivery(n, unit) for n in numbers for unit in range(1, UNITS + 1)]
            )


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Those columns that the table has already."""
    known = [{name: value for name, value in row.items() if name in table.c} for row in rows]
    connection.execute(sa.insert(table), known)


def _directive(n: int) -> dict[str, Any]:
    text = f"{n}/UBND"
    times = dict.fromkeys(("created_at", "changed_at", "issued_at"), NOW)
    said = {"search_exact": f"{text.lower()} kế hoạch", "search_plain": f"{text.lower()} ke hoach", "number_text": text}
    values = {"id": n, "unit_id": 1, "state": "ISSUED", "kind": "Kế hoạch", "notation": "UBND", "urgency": "NORMAL"}
    words = {"subject": f"Ứng phó mưa lũ đợt {n}", "body": "Các xã báo cáo. " * 20}
    return {**values, **words, **times, **said, "author_id": 1, "year": 2026, "number": n}


def _delivery(n: int, unit: int) -> dict[str, Any]:
    times = dict.fromkeys(("sent_at", "arrived_at", "seen_at", "registered_at", "reported_at", "completed_at"), NOW)
    registry = {"registry_year": 2026, "registry_number": n}
    values = {"directive_id": n, "unit_id": unit, "role": "execute", "state": "COMPLETED", "seq": n, "deadline": NOW}
    return {**values, **times, **registry}
