"""What handlers of this feature find in the application."""

from __future__ import annotations

from aiohttp import web

from server.reach.rules import Awake, Channel
from server.reach.vapid import VapidKey

SERVED: web.AppKey[frozenset[Channel]] = web.AppKey("reach_served", frozenset)
VAPID = web.AppKey("reach_vapid", VapidKey)
AWAKE: web.AppKey[Awake] = web.AppKey("reach_awake")
"""Set by the feature whose messages these are: it knows the quiet hours."""
