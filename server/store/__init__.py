"""The database: engine, transactions with their events, and migrations. The database is the truth."""

from server.store.events import StoredEvent
from server.store.store import Store
from server.store.tables import Table, UtcDateTime, metadata
from server.store.transaction import Transaction

__all__ = ["Store", "StoredEvent", "Table", "Transaction", "UtcDateTime", "metadata"]
