"""Migrations make exactly the schema of the models, on both databases, and can be run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from server.directives.model import directive_words, received_words
from server.directives.rules import State, stage_of
from server.store import Transaction, events
from server.store.fulltext import is_index
from server.store.migrate import MIGRATIONS, _config, is_current, migrate, newest
from server.store.schema import metadata
from server.store.store import make_engine
from tests.conftest import START
from tests.postgres import new_database, postgres_cluster

UNIT = "INSERT INTO unit (id, code, valid_from) VALUES (1, '468', '2020-01-01')"
ACCOUNT = """INSERT INTO account (id, username, name, password_hash, created_at)
    VALUES (1, 'chutich', 'A', '', '2026-01-01 00:00:00')"""
DIRECTIVE = """INSERT INTO directive (id, unit_id, state, kind, notation, subject, body, urgency, author_id, created_at,
        changed_at, search_exact)
    VALUES ({key}, 1, 'ISSUED', 'Thông báo', 'TB-UBND', '', '', 'NORMAL', 1, '2026-01-01 00:00:00',
        '2026-01-01 00:00:00', {text})"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with postgres_cluster() as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        file: Path = tmp_path_factory.mktemp("migrations") / "t.db"
        made = make_engine(f"sqlite:///{file}")
        yield made
        made.dispose()
    else:
        made = make_engine(new_database(request.getfixturevalue("cluster"), "migrations"))
        yield made
        made.dispose()


def test_an_empty_database_becomes_what_the_models_say(engine: sa.Engine) -> None:
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _parents: not (kind == "table" and is_index(name))}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
        assert compare_metadata(context, metadata) == []


def test_running_again_changes_nothing(engine: sa.Engine) -> None:
    migrate(engine)
    before = sa.inspect(engine).get_table_names()
    migrate(engine)
    assert sa.inspect(engine).get_table_names() == before


def test_the_newest_by_name_is_the_newest_by_descent() -> None:
    assert newest() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_what_was_issued_before_is_found_by_its_words(tmp_path: Path, cluster: str) -> None:
    """A database of revision 0009 with one issued directive and one draft."""
    for made in (make_engine(f"sqlite:///{tmp_path}/old.db"), make_engine(new_database(cluster, "old"))):
        with made.begin() as connection:
            config = _config(connection)
            command.upgrade(config, "0009")
            connection.exec_driver_sql(UNIT)
            connection.exec_driver_sql(ACCOUNT)
            for key, text in ((1, "'12/tb-ubnd thông báo họp thôn đầu năm'"), (2, "NULL")):
                connection.exec_driver_sql(DIRECTIVE.format(key=key, text=text))
            command.upgrade(config, "head")
        with made.connect() as connection:
            transaction = Transaction(connection, START)
            for words in ("dau nam", "12/TB-UBND", "thông", "đầu"):
                query = directive_words.matches(transaction, [words])
                assert query is not None
                assert [row.key for row in transaction.execute(query)] == [1], words
        made.dispose()


def test_deliveries_from_before_get_their_stage_and_keep_their_numbers(tmp_path: Path, cluster: str) -> None:
    """A database of revision 0014: one delivery in each state, two of them registered."""
    for made in (make_engine(f"sqlite:///{tmp_path}/old.db"), make_engine(new_database(cluster, "stages"))):
        with made.begin() as connection:
            command.upgrade(_config(connection), "0014")
            connection.exec_driver_sql(UNIT)
            connection.exec_driver_sql(ACCOUNT)
            for key, state in enumerate(State, 1):
                connection.exec_driver_sql(DIRECTIVE.format(key=key, text="NULL"))
                number = f"2026, {key}" if state in (State.REGISTERED, State.COMPLETED) else "NULL, NULL"
                connection.exec_driver_sql(
                    "INSERT INTO delivery (id, directive_id, unit_id, role, state, seq, sent_at, registry_year, "
                    "registry_number) "
                    f"VALUES ({key}, {key}, 1, 'execute', '{state}', {key}, '2026-01-01', {number})"
                )
        migrate(made)
        with made.begin() as connection:
            rows = connection.exec_driver_sql("SELECT state, stage FROM delivery").all()
            assert dict(rows) == {state: stage_of(state) for state in State}
            twice = "UPDATE delivery SET registry_year = 2026, registry_number = 4 WHERE id = 1"
            with pytest.raises(sa.exc.IntegrityError), connection.begin_nested():
                connection.exec_driver_sql(twice)
        made.dispose()


def test_what_came_before_is_found_by_its_author_and_a_key_is_no_receipt(tmp_path: Path, cluster: str) -> None:
    """A database of revision 0029: a unit that was renamed, one directive before and one after, four deliveries."""
    at = {key: f"'2026-01-02 0{key}:00:00'" for key in (1, 2, 3)}
    version = "INSERT INTO unit_version (unit_id, name, short_name, level, bloc, valid_from, valid_to, recorded_at)"
    for made in (make_engine(f"sqlite:///{tmp_path}/old.db"), make_engine(new_database(cluster, "organs"))):
        with made.begin() as connection:
            command.upgrade(_config(connection), "0029")
            connection.exec_driver_sql(UNIT)
            connection.exec_driver_sql(ACCOUNT)
            for name, begin, end in (("Huyện Cũ", 2020, "'2026-02-01'"), ("Huyện Mới", 2026, "NULL")):
                values = f"(1, '{name}', 'UBND huyện', 'district', 'GOVERNMENT', '{begin}-02-01', {end}, '2020-01-01')"
                connection.exec_driver_sql(f"{version} VALUES {values}")
            for key, month in ((1, 1), (2, 3), (3, 3)):
                text = "NULL" if key == 3 else f"'0{key}/tb-ubnd họp'"
                connection.exec_driver_sql(DIRECTIVE.format(key=key, text=text))
                connection.exec_driver_sql(f"UPDATE directive SET issued_at = '2026-0{month}-05' WHERE id = {key}")
            for key, (arrived, seen, through) in enumerate(
                ((3, 3, "'TELEPHONE'"), (1, 3, "'TELEPHONE'"), (1, 2, "'TELEPHONE'"), (3, 3, "NULL")), 1
            ):
                connection.exec_driver_sql(
                    f"INSERT INTO unit (id, code, valid_from) VALUES ({key + 1}, 'x{key}', '2020-01-01')"
                )
                connection.exec_driver_sql(
                    "INSERT INTO delivery (id, directive_id, unit_id, role, state, seq, sent_at, arrived_at, seen_at, "
                    "seen_by, registered_at, registered_through) "
                    f"VALUES ({key}, 1, {key + 1}, 'execute', 'REGISTERED', {key}, {at[1]}, {at[arrived]}, {at[seen]}, "
                    f"1, {at[3]}, {through})"
                )
        migrate(made)
        with made.connect() as connection:
            transaction = Transaction(connection, START)
            for words, keys in (("ubnd huyen cu", [1]), ("huyện mới", [2]), ("hop", [1, 2]), ("khac", [])):
                query = received_words.matches(transaction, words.split())
                assert query is not None
                assert sorted(row.key for row in transaction.execute(query)) == keys, words
            organs = connection.exec_driver_sql("SELECT organ_exact FROM directive ORDER BY id").scalars().all()
            assert organs == ["huyện cũ ubnd huyện", "huyện mới ubnd huyện", None]
            receipts = "SELECT arrived_at IS NULL, seen_at IS NULL, seen_by IS NULL FROM delivery ORDER BY id"
            found = [tuple(map(bool, row)) for row in connection.exec_driver_sql(receipts)]
            kept = (False, False, False)
            assert found == [(True, True, True), (False, True, True), kept, kept]
        made.dispose()


def test_events_from_before_keep_their_numbers_and_words(tmp_path: Path, cluster: str) -> None:
    """A database of revision 0021 with events of two units; the next ones follow them."""
    told = [(2, 1, "a.b", '{"n":1}'), (1, 1, "a.b", '{"n":1}'), (1, 2, "c.d", '{"n":2}')]
    for made in (make_engine(f"sqlite:///{tmp_path}/old.db"), make_engine(new_database(cluster, "events"))):
        with made.begin() as connection:
            command.upgrade(_config(connection), "0021")
            for unit, seq, kind, body in told:
                values = f"VALUES ({unit}, {seq}, '{kind}', '{body}', '2026-11-24 01:00:00')"
                connection.exec_driver_sql(f"INSERT INTO event (unit_id, seq, kind, body, at) {values}")
                one = f"INSERT INTO unit_sequence (unit_id, seq) VALUES ({unit}, 0) ON CONFLICT DO NOTHING"
                connection.exec_driver_sql(one)
                connection.exec_driver_sql(f"UPDATE unit_sequence SET seq = {seq} WHERE unit_id = {unit}")
        migrate(made)
        with made.begin() as connection:
            body = {"n": 3}
            events.append(connection, "e.f", {1: body, 2: body}, START)
            found = [event for unit in (1, 2) for event in events.since(connection, unit, 0)]
            new = [(1, 3, "e.f", '{"n":3}'), (2, 2, "e.f", '{"n":3}')]
            assert [(e.unit_id, e.seq, e.kind, bytes(e.body).decode()) for e in found] == sorted(told + new)
            assert connection.exec_driver_sql("SELECT count(*) FROM event_content").scalar() == 4
        made.dispose()


def test_a_table_that_others_refer_to_is_made_anew_with_its_rows(tmp_path: Path) -> None:
    """SQLite changes a column by dropping the table, which must not drop what refers to it."""
    engine = make_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        command.upgrade(_config(connection), "0008")
    rows = {
        "account": "(id, username, name, password_hash, created_at) VALUES (1, 'a', 'A', '', '2026-11-24')",
        "unit": "(id, code, valid_from) VALUES (1, '1', '2026-01-01')",
        "meeting": "(id, title, starts_at, created_by, created_at, chair_id, chair_unit_id, state, floor_mode) "
        "VALUES (1, 'M', '2026-11-24', 1, '2026-11-24', 1, 1, 'live', 'open')",
        "participant": "(id, meeting_id, account_id, unit_id, name, unit_name, role, first_joined_at, joined_at, link, "
        "has_floor, muted, microphone, camera, screen) "
        "VALUES (1, 1, 1, 1, 'A', 'U', 'chair', '2026-11-24', '2026-11-24', 'connected', 0, 0, 0, 0, 0)",
        "meeting_log": "(id, meeting_id, at, kind, participant_id) VALUES (1, 1, '2026-11-24', 'joined', 1)",
    }
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.exec_driver_sql(f"INSERT INTO {table} {values}")
    migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name, by_phone FROM participant").all() == [("A", 0)]
        assert connection.exec_driver_sql("SELECT participant_id FROM meeting_log").all() == [(1,)]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    engine.dispose()
