"""Relays (TURN) for pages whose network lets no UDP out: addresses with credentials that end by themselves.

coturn's scheme for REST servers (draft-uberti-behave-turn-rest-00 §2.2): the name is `expiry:user`, the password its
HMAC under a secret that only we and the relay know. The relay checks both alone, so nobody needs to tell it of people.

A page asks for them before it makes its offer, because a browser gathers relayed addresses as part of that offer. The
media node needs to know none of them: it is ICE-lite, and the relay's address is to it one more source of checks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

import msgspec

from server.accounts.principal import Principal
from server.config import Turn


class IceServer(msgspec.Struct, frozen=True, kw_only=True):
    """As `RTCIceServer` of the browser."""

    urls: list[str]
    username: str
    credential: str


class IceServers(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into `RTCConfiguration.iceServers`; to be asked for anew after `seconds`, None if there are none."""

    ice: list[IceServer]
    seconds: int | None


def ice_servers(turn: Turn, who: Principal, now: datetime) -> IceServers:
    """The relays for one person, good for `turn.ttl_minutes` from `now`."""
    if not turn.urls:
        return IceServers(ice=[], seconds=None)
    life = timedelta(minutes=turn.ttl_minutes)
    username = f"{int((now + life).timestamp())}:a{who.account_id}"
    server = IceServer(urls=turn.urls, username=username, credential=credential(turn.secret, username))
    return IceServers(ice=[server], seconds=turn.ttl_minutes * 30)


def credential(secret: str, username: str) -> str:
    """The password that belongs to a name; HMAC-SHA1 is what the scheme fixes."""
    return base64.b64encode(hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()).decode()
