"""Migrations make exactly the schema of the models, on both databases, and can be run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from server.store.migrate import MIGRATIONS, is_current, migrate, newest
from server.store.schema import metadata
from server.store.store import make_engine
from tests.postgres import new_database, postgres_cluster


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        file: Path = tmp_path_factory.mktemp("migrations") / "t.db"
        made = make_engine(f"sqlite:///{file}")
        yield made
        made.dispose()
    else:
        with postgres_cluster() as url:
            made = make_engine(new_database(url, "migrations"))
            yield made
            made.dispose()


def test_an_empty_database_becomes_what_the_models_say(engine: sa.Engine) -> None:
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_running_again_changes_nothing(engine: sa.Engine) -> None:
    migrate(engine)
    before = sa.inspect(engine).get_table_names()
    migrate(engine)
    assert sa.inspect(engine).get_table_names() == before


def test_the_newest_by_name_is_the_newest_by_descent() -> None:
    assert newest() == ScriptDirectory(str(MIGRATIONS)).get_current_head()
