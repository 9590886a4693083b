"""What conversations about directives need of the rest of the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from server.directives.policy import Policy
from server.store.files import FileStore

if TYPE_CHECKING:
    from server.calls.dial_out import Dialler
    from server.calls.exchange import Exchange


@dataclass(frozen=True)
class Means:
    """`answers` is the folder of answers that are being spoken; they go into `files` when they are complete."""

    exchange: Exchange
    dialler: Dialler
    policy: Policy
    files: FileStore
    answers: Path
