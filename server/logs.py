"""Logs that an operator can read: time, level, part, the request's id, and the text."""

from __future__ import annotations

import logging

from server.http.middleware import request_id_var


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id_var.get()
        return True


def set_up(level: str) -> None:
    """Log to standard error in one line a record."""
    handler = logging.StreamHandler()
    handler.addFilter(_RequestId())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("aiohttp.access", "engineio.server", "socketio.server", "alembic.runtime", "aioice.ice"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
