"""Every table of the server in one metadata: importing this module imports each feature's model."""

import server.accounts.model
import server.calls.model
import server.directives.model
import server.meetings.model
import server.reach.model
import server.records.model
import server.refusals.model
import server.store.events
import server.units.model
from server.store.tables import metadata

__all__ = ["metadata", "server"]
