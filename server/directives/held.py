"""Files that came with a form which comes again, as something was wrong: the form names them, so they are sent once.

Browsers do not let a page put a file back into its field. So the form holds a signed word for each file that the store
has taken, and for as long as a working day what is sent with that word counts as the file. It is good for nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec
from aiohttp import web

from server.accounts.tokens import ALGORITHM
from server.directives.keys import HELD_KEY
from server.directives.shapes import Upload
from server.http import principal
from server.http.pages import now_of

ISSUER = "giaoban-file"  # so that no such word passes for a sign-in, nor the other way round
GOOD_FOR = timedelta(hours=12)

_HELD: web.RequestKey[dict[str, Sequence[Upload]]] = web.RequestKey("directives_held", dict)


class Held(msgspec.Struct, frozen=True):
    """A file as the form shows it: `word` is what it sends back."""

    word: str
    name: str
    size: int


def hold(request: web.Request, field: str, uploads: Sequence[Upload]) -> None:
    """From now on the field of this request's form has these files, should it come again."""
    request.setdefault(_HELD, {})[field] = uploads


def let_go(request: web.Request) -> None:
    """What was held stands where it was sent to: a form that comes again has it from there."""
    request.pop(_HELD, None)


def held_again(request: web.Request) -> dict[str, list[Held]]:
    """For the form that comes again: by field."""
    key, who, now = request.app[HELD_KEY], principal(request).account_id, now_of(request)
    found = request.get(_HELD, {})
    return {
        field: [Held(_word(key, who, upload, now), upload.name, upload.size) for upload in uploads]
        for field, uploads in found.items()
    }


def held_before(request: web.Request, words: Iterable[Any]) -> list[Upload]:
    """The files that a form has sent words for; words that are none, are over or somebody else's name nothing."""
    key, who, now = request.app[HELD_KEY], principal(request).account_id, now_of(request)
    uploads = (_upload(key, who, word, now) for word in words if isinstance(word, str))
    return [upload for upload in uploads if upload is not None]


def _word(key: bytes, account_id: int, upload: Upload, now: datetime) -> str:
    claims = {"iss": ISSUER, "sub": str(account_id), "exp": int((now + GOOD_FOR).timestamp())}
    return jwt.encode(claims | {"file": msgspec.to_builtins(upload)}, key, algorithm=ALGORITHM)


def _upload(key: bytes, account_id: int, word: str, now: datetime) -> Upload | None:
    """Checked against the server's own clock, not the library's."""
    options: Any = {"require": ["iss", "sub", "exp", "file"], "verify_exp": False}
    try:
        claims = jwt.decode(word, key, algorithms=[ALGORITHM], issuer=ISSUER, subject=str(account_id), options=options)
        upload = msgspec.convert(claims["file"], Upload)
    except (jwt.InvalidTokenError, msgspec.ValidationError):
        return None
    return upload if now.timestamp() < claims["exp"] else None
