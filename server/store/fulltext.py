"""Full-text indexes: FTS5 in SQLite, tsvector with GIN in PostgreSQL, both over the words of `search.words`.

Neither database folds anything by itself: what counts as the same word is decided in one place for both. An index is a
table beside its own, written in the same transaction; found words may be the beginnings of longer ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from server.store.search import words
from server.store.tables import metadata
from server.store.transaction import Transaction


class FullText:
    """The index `name`: the words of each row by its integer key."""

    made: list[FullText] = []  # noqa: RUF012 - one list for all

    def __init__(self, name: str) -> None:
        self.name = name
        self._put_sqlite = sa.text(f"INSERT INTO {name} (rowid, words) VALUES (:key, :words)")  # noqa: S608
        self._put = sa.text(f"INSERT INTO {name} (key, words) VALUES (:key, CAST(:words AS tsvector))")  # noqa: S608
        self.made.append(self)

    def create(self, connection: sa.Connection) -> None:
        """Make the index, empty."""
        if connection.dialect.name == "sqlite":
            tokenizer = "tokenize='unicode61 remove_diacritics 2'"
            connection.exec_driver_sql(f"CREATE VIRTUAL TABLE {self.name} USING fts5(words, {tokenizer})")
        else:
            connection.exec_driver_sql(f"CREATE TABLE {self.name} (key integer PRIMARY KEY, words tsvector NOT NULL)")
            connection.exec_driver_sql(f"CREATE INDEX ix_{self.name}_words ON {self.name} USING gin (words)")

    def put_all(self, connection: sa.Connection, texts: Sequence[tuple[int, str]]) -> None:
        """Index texts by their keys, new ones only."""
        if not texts:
            return
        if connection.dialect.name == "sqlite":
            rows = [{"key": key, "words": " ".join(words(text))} for key, text in texts]
            connection.execute(self._put_sqlite, rows)
        else:
            rows = [{"key": key, "words": _vector(text)} for key, text in texts]
            connection.execute(self._put, rows)

    def put(self, tx: Transaction, key: int, text: str) -> None:
        """Index one text."""
        self.put_all(tx.connection, [(key, text)])

    def matches(self, tx: Transaction, phrases: Sequence[str]) -> sa.TextualSelect | None:
        """A query for the keys whose texts hold all phrases, the last word of each begun; None if there is no word."""
        wanted = [found for phrase in phrases if (found := words(phrase))]
        if not wanted:
            return None
        if tx.connection.dialect.name == "sqlite":
            query = " ".join(f'"{" ".join(phrase)}"*' for phrase in wanted)
            statement = f"SELECT rowid AS key FROM {self.name} WHERE words MATCH :{self.name}_query"  # noqa: S608
        else:
            query = " & ".join(f"({_phrase(phrase)})" for phrase in wanted)
            statement = f"SELECT key FROM {self.name} WHERE words @@ CAST(:{self.name}_query AS tsquery)"  # noqa: S608
        return sa.text(statement).bindparams(**{f"{self.name}_query": query}).columns(sa.column("key", sa.Integer))

    def is_table_of(self, name: str) -> bool:
        """Whether a table of the database belongs to this index (SQLite makes some beside it)."""
        return name == self.name or name.startswith(f"{self.name}_")


def _vector(text: str) -> str:
    """A tsvector as text: each word with its place; PostgreSQL keeps places up to 16,383."""
    return " ".join(f"'{word}':{min(place, 16_383)}" for place, word in enumerate(words(text), 1))


def _phrase(phrase: Sequence[str]) -> str:
    return " <-> ".join([*(f"'{word}'" for word in phrase[:-1]), f"'{phrase[-1]}':*"])


def is_index(name: str) -> bool:
    """Whether a table of the database belongs to an index: migrations are not compared with it."""
    return any(index.is_table_of(name) for index in FullText.made)


def _create_all(_target: sa.MetaData, connection: sa.Connection, **_options: object) -> None:
    for index in FullText.made:
        if not sa.inspect(connection).has_table(index.name):
            index.create(connection)


sa.event.listen(metadata, "after_create", _create_all)
