"""What every feature's pages and API share: routes with permissions, errors, languages, templates, safety headers."""

from server.http.keys import PRINCIPAL, SETTINGS, STORE
from server.http.pages import RENDERER, render
from server.http.reading import read_body, read_query
from server.http.replies import json_reply, see_other
from server.http.routes import Route, principal

__all__ = [
    "PRINCIPAL",
    "RENDERER",
    "SETTINGS",
    "STORE",
    "Route",
    "json_reply",
    "principal",
    "read_body",
    "read_query",
    "render",
    "see_other",
]
