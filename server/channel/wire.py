"""JSON for python-socketio by msgspec."""

from __future__ import annotations

from typing import Any

import msgspec


class MsgspecJson:
    """What `socketio.AsyncServer(json=...)` needs: `dumps` and `loads`."""

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        """Text of a value; structs and datetimes included."""
        return msgspec.json.encode(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        """Value of a text. Raises ValueError as the standard library does."""
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error
