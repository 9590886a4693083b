"""People who can be reached, senders that obey, and what the outbox holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.config import ROOT
from server.directives.policy import load_policy
from server.reach import service
from server.reach.model import choice_table, contact_table, message_table, subscription_table
from server.reach.notice import Notice, NoticeKind
from server.reach.rules import AddressKind, Backoff, Channel, Outcome, Sent
from server.reach.service import Letter
from server.reach.worker import Worker
from server.store import Store

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
POLICY = load_policy(ROOT / "config", ZONE, 5 << 20, list(Channel))
m = message_table.c


def reach(store: Store, who: Principal, *channels: Channel) -> None:
    """Give a person verified addresses, and switch these channels on."""

    def work(tx: Any) -> None:
        for kind, address in ((AddressKind.MAIL, f"{who.username}@camlo.example"), (AddressKind.PHONE, PHONE)):
            values = {"address": address, "verified_at": tx.now, "code_tries": 0, "codes": 0}
            tx.execute(sa.insert(contact_table).values(account_id=who.account_id, kind=kind.value, **values))
        for channel in channels:
            if channel is Channel.PUSH:
                continue
            tx.execute(sa.insert(choice_table).values(account_id=who.account_id, channel=channel.value))

    store.write_now(work)


PHONE = "+84912345678"


def browser(store: Store, who: Principal, endpoint: str = "https://fcm.googleapis.com/x", keys: Any = None) -> int:
    """A browser of a person that takes Web Push."""
    keys = keys or {"p256dh": "B" + "A" * 86, "auth": "A" * 22}
    data = service.NewSubscription(endpoint=endpoint, keys=service.Keys(**keys))
    return store.write_now(service.subscribe, who, data, "Chrome · Android")


def subscriptions(store: Store) -> list[Any]:
    return store.read_now(lambda tx: tx.all(sa.select(subscription_table).order_by(subscription_table.c.id)))


def messages(store: Store, **where: Any) -> list[Any]:
    """The outbox in the order of writing."""
    query = sa.select(message_table).filter_by(**where).order_by(m.id)
    return store.read_now(lambda tx: tx.all(query))


def states(store: Store) -> list[tuple[str, str]]:
    return [(row.channel, row.state) for row in messages(store)]


class Obedient:
    """A sender that does as it is told, and remembers what it was given."""

    def __init__(self, channel: Channel, answer: Callable[[Letter], Outcome] | Outcome | None = None) -> None:
        self.channel = channel
        self.letters: list[Letter] = []
        self.answer: Any = answer or Sent("taken")

    async def send(self, letter: Letter) -> Outcome:
        self.letters.append(letter)
        return self.answer(letter) if callable(self.answer) else self.answer  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Nothing is open."""


BACKOFF = Backoff(tries=4, first=timedelta(seconds=10), most=timedelta(minutes=1))


def worker(store: Store, *senders: Any, backoff: Backoff = BACKOFF, **more: Any) -> Worker:
    return Worker(store, senders, backoff, rng=Random(1), pause=0.01, **more)


def letter(channel: Channel, address: str, **changes: Any) -> Letter:
    """A letter about a new directive."""
    values: dict[str, Any] = {
        "id": 1,
        "key": "0123456789abcdef0123456789abcdef",
        "lease": "x",
        "channel": channel,
        "address": address,
        "name": "Nguyễn Thị Hằng",
        "language": "vi",
        "notice": notice(),
        "tries": 1,
        "account": 1,
    }
    return Letter(**(values | changes))


def notice(**changes: Any) -> Notice:
    from tests.conftest import START

    values: dict[str, Any] = {
        "kind": NoticeKind.ISSUED,
        "directive": 12,
        "number": "05/CĐ-UBND",
        "subject": "Ứng phó mưa lớn, ngập lụt trên địa bàn huyện",
        "urgency": "FLASH",
        "sender": "Ủy ban nhân dân huyện Cam Lộ",
        "due": START + timedelta(hours=6),
        "href": "/directives/12",
    }
    return Notice(**(values | changes))
