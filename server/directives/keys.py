"""What handlers of this feature find in the application."""

from __future__ import annotations

from aiohttp import web

from server.directives.policy import Policy
from server.directives.previews import Previews
from server.directives.workshop import Workshop
from server.store.files import FileStore

POLICY = web.AppKey("directive_policy", Policy)
PREVIEWS = web.AppKey("directive_previews", Previews)
FILES = web.AppKey("directive_files", FileStore)
HELD_KEY = web.AppKey("directive_held_key", bytes)
"""What signs the words for files that a form holds (`held`)."""
WORKSHOP = web.AppKey("directive_workshop", Workshop)
