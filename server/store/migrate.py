"""Bring a database to the newest schema with Alembic; the scripts stand in `migrations/versions`.

Alembic takes longer to import than the rest of a start, so it is imported only where there is something to do.
"""

from __future__ import annotations

import logging
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from server.store.silence import unhurried

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
log = logging.getLogger("giaoban.store")
_LOCK = 0x6769616F  # any number that is ours alone
_VERSION = sa.table("alembic_version", sa.column("version_num", sa.String))


def newest() -> str:
    """The newest revision: scripts are named by it, `0001_first_schema.py`, and sorted by it."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")).split("_", 1)[0]


def _config(connection: sa.Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = _teller()
    return config


def _teller() -> Any:
    """What Alembic calls after each step: with millions of rows some take minutes, and somebody waits."""
    begun = monotonic()

    def tell(*, step: Any, **_rest: Any) -> None:
        nonlocal begun
        took, begun = monotonic() - begun, monotonic()
        log.info("schema %s in place after %.1f s: %s", step.up_revision_id, took, step.up_revision.doc)

    return tell


def is_current(engine: sa.Engine) -> bool:
    """Whether the schema is the newest."""
    if not sa.inspect(engine).has_table(_VERSION.name):
        return False
    with engine.connect() as connection:
        return connection.scalar(sa.select(_VERSION.c.version_num)) == newest()


def migrate(engine: sa.Engine) -> None:
    """Run what is missing, in one transaction where the database allows it; of several processes one does it."""
    if is_current(engine):
        return
    from alembic import command

    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:  # it changes a column by making the table anew, which references to it must not hinder
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        try:
            with connection.begin(), unhurried(connection):
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                log.info("bringing the database to schema %s; the server starts when this is done", newest())
                command.upgrade(_config(connection), "head")
                if is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
                    raise RuntimeError(f"rows that refer to nothing: {broken[:5]}")
        finally:
            if is_sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def make_revision(engine: sa.Engine, message: str) -> None:
    """For developers: write a script with what the models have and the database has not."""
    from alembic import command

    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)
