"""The shell around sessions: finds who asks, remembers it for a moment, and ends what was revoked at once."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec
from aiohttp import web

from server.accounts import locks, sessions
from server.accounts.passwords import Passwords, needs_rehash
from server.accounts.principal import Principal
from server.accounts.tokens import load_key, make_token, read_token, secret_hash
from server.config import Settings
from server.errors import NotSignedInError, UnavailableError, UserError
from server.http.i18n import _
from server.http.keys import BY_COOKIE
from server.store import Store

log = logging.getLogger("giaoban.accounts")
COOKIE = "session"
REMEMBERED = timedelta(seconds=5)
SEEN_EVERY = timedelta(minutes=5)
GATHER_SECONDS = 0.5
MOST_REMEMBERED = 5000


class _Found(msgspec.Struct, frozen=True):
    who: Principal
    at: datetime
    expires_at: datetime


class SignIns:
    """Signs people in and says who asks. One for the application; the channel asks it as well."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.passwords = Passwords()
        self._key = load_key(settings.path(settings.storage.data) / "secret.key")
        self._found: OrderedDict[str, _Found] = OrderedDict()
        self._seen: set[str] = set()
        self._noting: asyncio.Task[None] | None = None

    async def identify(self, cookie: str | None, bearer: str | None) -> Principal | None:
        """Who holds a session's secret (cookie) or a token (bearer, which goes first); None if it is not valid."""
        now = self.store.clock()
        public_id = hashed = None
        if bearer is not None:
            public_id = read_token(self._key, bearer, now)
        elif cookie:
            hashed = secret_hash(cookie)
        mark = public_id or hashed
        if mark is None:
            return None
        found = self._found.get(mark)
        if found and abs(now - found.at) < REMEMBERED and now < found.expires_at:
            return found.who
        live = await self.store.read(sessions.find_live, hashed, public_id)
        if live is None:
            self._found.pop(mark, None)
            return None
        if now - live.seen_at >= SEEN_EVERY:
            self._note_seen(live.who.session_id)
        self._found[mark] = _Found(live.who, now, live.expires_at)
        if len(self._found) > MOST_REMEMBERED:
            self._found.popitem(last=False)
        return live.who

    def _note_seen(self, session_id: str) -> None:
        """Soon, together with others: nobody waits for it, though a thousand are back at once or the disk is full."""
        self._seen.add(session_id)
        if self._noting is None:
            self._noting = asyncio.get_running_loop().create_task(self._note_all())

    async def _note_all(self) -> None:
        try:
            while self._seen:
                await asyncio.sleep(GATHER_SECONDS)
                seen, self._seen = self._seen, set()
                await self.store.write(sessions.touch, seen)
        except UnavailableError as error:
            log.warning("who is here could not be noted: %s", error)  # it is when they come again
        finally:
            self._noting = None

    async def close(self) -> None:
        """End the threads, and what is about to be noted."""
        if self._noting is not None:
            self._noting.cancel()
            await asyncio.gather(self._noting, return_exceptions=True)
        self.passwords.close()

    async def identify_request(self, request: web.Request) -> Principal | None:
        """The same for a request; notes whether the cookie decided, because then forms need their token."""
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        bearer = token.strip() if kind.lower() == "bearer" else None
        who = await self.identify(request.cookies.get(COOKIE), bearer)
        request[BY_COOKIE] = who is not None and bearer is None
        return who

    async def sign_in(self, username: str, password: str, address: str, user_agent: str) -> sessions.Opened:
        """Check the password and open a session.

        Raises TooManyError while slowed or locked, NotSignedInError for a wrong name or password alike, and
        NotAllowedError for an account that is locked or has no role.
        """
        access = self.settings.access
        candidate = await self.store.write(sessions.begin_sign_in, username, address, access)
        right = await self.passwords.matches(candidate.password_hash, password)
        if not right or candidate.account_id is None or candidate.password_hash is None:
            raise NotSignedInError("wrong_password", _("Tên đăng nhập hoặc mật khẩu không đúng."))
        new_hash = await self.passwords.hash(password) if needs_rehash(candidate.password_hash) else None
        return await self.store.write(
            sessions.finish_sign_in, candidate.account_id, address, user_agent, access, new_hash
        )

    async def check_own_password(self, who: Principal, password: str, address: str) -> None:
        """Whoever sits at an open page does not change the password without knowing it. Raises as `sign_in`."""
        candidate = await self.store.write(sessions.begin_sign_in, who.username, address, self.settings.access)
        if not await self.passwords.matches(candidate.password_hash, password):
            raise UserError("wrong_password", _("Mật khẩu hiện tại không đúng."), field="current")
        await self.store.write(locks.forgive, who.username, address)

    def token_for(self, opened: sessions.Opened) -> str:
        """The bearer token of a new session."""
        return make_token(self._key, opened.public_id, opened.expires_at)

    def forget(self, session_ids: Iterable[str]) -> None:
        """These sessions ended or changed: ask the database next time."""
        gone = set(session_ids)
        self._drop(lambda who: who.session_id in gone)

    def forget_account(self, account_id: int) -> None:
        """A person's roles, name or language changed."""
        self._drop(lambda who: who.account_id == account_id)

    def ended(self, session_ids: Iterable[str], account_id: int | None) -> None:
        """The same when the channel says so: sessions, or all of an account, ended or changed in some process."""
        self.forget(session_ids)
        if account_id is not None:
            self.forget_account(account_id)

    def _drop(self, changed: Callable[[Principal], bool]) -> None:
        for mark in [mark for mark, found in self._found.items() if changed(found.who)]:
            del self._found[mark]


SIGN_INS = web.AppKey("sign_ins", SignIns)
