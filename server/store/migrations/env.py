"""Alembic runs this: it migrates the connection that `server.store.migrate` hands over."""

from alembic import context

from server.store.fulltext import is_index
from server.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    on_version_apply=context.config.attributes["on_version_apply"],
    include_name=lambda name, kind, _parents: not (kind == "table" and name and is_index(name)),
)
with context.begin_transaction():
    context.run_migrations()
