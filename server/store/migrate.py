"""Bring a database to the newest schema with Alembic; the scripts stand in `migrations/versions`."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent / "migrations"


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def is_current(engine: sa.Engine) -> bool:
    """Whether the schema is the newest; much quicker than running Alembic."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


def migrate(engine: sa.Engine) -> None:
    """Run what is missing, in one transaction where the database allows it."""
    if is_current(engine):
        return
    with engine.begin() as connection:
        command.upgrade(_config(connection), "head")


def make_revision(engine: sa.Engine, message: str) -> None:
    """For developers: write a script with what the models have and the database has not."""
    with engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True)
