"""Addresses count only when their code was typed in; codes are few, short-lived, and guessed in vain."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from server.accounts.principal import Principal
from server.errors import ConflictError, NotFoundError, TooManyError, UserError
from server.reach import service
from server.reach.notice import Notice
from server.reach.rules import CODE_TRIES, CODES_A_DAY, AddressKind, Channel
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs
from tests.reach.helpers import messages

MAIL, PHONE = AddressKind.MAIL, AddressKind.PHONE
ALL = frozenset(Channel)


@pytest.fixture
def who(district: DistrictIds) -> Principal:
    return district.who("vanthu.camthuy")


def last_code(store: Store) -> str:
    return msgspec.json.decode(messages(store)[-1].notice, type=Notice).code


def mine(store: Store, who: Principal) -> service.Reachability:
    return store.read_now(service.reachability, who)


def test_a_number_counts_when_its_code_was_typed_in(store: Store, who: Principal) -> None:
    store.write_now(service.enter, who, PHONE, "0912 345 678", ALL)
    (row,) = messages(store)
    assert (row.channel, row.address) == ("sms", "+84912345678")
    (contact,) = mine(store, who).contacts
    assert (contact.verified, contact.waits) == (False, True)
    assert store.write_now(service.confirm, who, PHONE, last_code(store)) is True
    found = mine(store, who)
    assert found.contacts[0].verified
    assert found.channels == [Channel.SMS, Channel.ZALO]


def test_a_wrong_code_is_counted_and_after_five_the_right_one_is_void(store: Store, who: Principal) -> None:
    store.write_now(service.enter, who, MAIL, "hang@camlo.example", ALL)
    code = last_code(store)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(CODE_TRIES):
        assert store.write_now(service.confirm, who, MAIL, wrong) is False
    with pytest.raises(UserError, match="code_over"):
        store.write_now(service.confirm, who, MAIL, code)
    assert not mine(store, who).contacts[0].verified


def test_a_code_lasts_ten_minutes(store: Store, who: Principal, clock: Clock) -> None:
    store.write_now(service.enter, who, MAIL, "hang@camlo.example", ALL)
    clock.advance(minutes=10)
    with pytest.raises(UserError, match="code_over"):
        store.write_now(service.confirm, who, MAIL, last_code(store))


def test_a_code_is_for_the_address_that_it_went_to(store: Store, who: Principal, clock: Clock) -> None:
    store.write_now(service.enter, who, MAIL, "hang@camlo.example", ALL)
    first = last_code(store)
    clock.advance(minutes=2)
    store.write_now(service.enter, who, MAIL, "other@camlo.example", ALL)
    if first != last_code(store):
        assert store.write_now(service.confirm, who, MAIL, first) is False


def test_codes_cannot_be_asked_for_without_end(store: Store, who: Principal, clock: Clock) -> None:
    store.write_now(service.enter, who, PHONE, "0912345678", ALL)
    with pytest.raises(TooManyError) as refused:
        store.write_now(service.enter, who, PHONE, "0912345679", ALL)
    assert refused.value.params["retry_after"] == 60
    for _ in range(CODES_A_DAY - 1):
        clock.advance(minutes=1)
        store.write_now(service.enter, who, PHONE, "0912345678", ALL)
    store.write_now(service.drop, who, PHONE)  # does not begin the count anew
    clock.advance(minutes=1)
    with pytest.raises(TooManyError, match="codes_used_up"):
        store.write_now(service.enter, who, PHONE, "0912345678", ALL)
    assert len(messages(store)) == CODES_A_DAY
    clock.advance(days=1)
    store.write_now(service.enter, who, PHONE, "0912345678", ALL)


@pytest.mark.parametrize(("kind", "text"), [(MAIL, "hang"), (MAIL, ""), (PHONE, "113"), (PHONE, "hang@camlo.example")])
def test_what_is_no_address_is_refused(store: Store, who: Principal, kind: AddressKind, text: str) -> None:
    with pytest.raises(UserError, match="bad_address"):
        store.write_now(service.enter, who, kind, text, ALL)
    assert mine(store, who).contacts == []


def test_without_a_channel_to_it_no_address_is_taken(store: Store, who: Principal) -> None:
    with pytest.raises(ConflictError, match="not_configured"):
        store.write_now(service.enter, who, PHONE, "0912345678", frozenset({Channel.MAIL}))
    store.write_now(service.enter, who, PHONE, "0912345678", frozenset({Channel.ZALO}))
    assert messages(store)[0].channel == "zalo"


def test_an_address_that_is_dropped_gets_nothing(store: Store, who: Principal) -> None:
    store.write_now(service.enter, who, MAIL, "hang@camlo.example", ALL)
    store.write_now(service.confirm, who, MAIL, last_code(store))
    store.write_now(service.drop, who, MAIL)
    assert (mine(store, who).contacts, mine(store, who).channels) == ([], [])
    with pytest.raises(NotFoundError):
        store.write_now(service.confirm, who, MAIL, "123456")


def test_channels_are_switched_only_where_they_can_work(store: Store, who: Principal) -> None:
    store.write_now(service.enter, who, PHONE, "0912345678", ALL)
    store.write_now(service.confirm, who, PHONE, last_code(store))
    has = frozenset({Channel.MAIL, Channel.SMS})
    store.write_now(service.change_channels, who, [Channel.MAIL], has)  # no e-mail address, and Zalo is not offered
    assert mine(store, who).channels == [Channel.ZALO]
    store.write_now(service.change_channels, who, [Channel.SMS], has)
    assert mine(store, who).channels == [Channel.SMS, Channel.ZALO]


@pytest.fixture
def settings(settings: Any) -> Any:
    """With e-mail and SMS."""
    from server.reach.settings import Gateway, Mail

    mail = Mail(host="127.0.0.1", port=1, sender="giaoban@camlo.example", security="none")
    return msgspec.structs.replace(settings, mail=mail, sms=Gateway(url="http://127.0.0.1:1/"))


async def test_what_the_page_refuses_leaves_a_line(page_as: PageAs, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "giaoban.audit")
    page, place = await page_as("vanthu.camthuy"), "/account/addresses/phone"
    await page.post(place, {"phone": "113"})
    await page.post(place, {"phone": "0912345678"})
    await page.post(place, {"phone": "0912345678"})
    await page.post(f"{place}/code", {"phone_code": "abc"})
    told = [one.split(": ")[0:2] for one in caplog.messages if one.startswith("refused ")]
    to = "to vanthu.camthuy"
    assert [one[0] for one in told] == [f"refused POST {place} {to}"] * 2 + [f"refused POST {place}/code {to}"]
    assert len({one[1] for one in told}) == 3 and told[-1][1] == "wrong_code"
    assert not any("113" in one or "0912345678" in one for one in caplog.messages), "what was typed stands nowhere"


async def test_the_page_from_address_to_channel(page_as: PageAs, store: Store) -> None:
    page = await page_as("vanthu.camthuy")
    text = await (await page.get("/account")).text()
    assert "Báo tin khi không mở trang" in text
    wrong = await page.post("/account/addresses/phone", {"phone": "113"})
    text = await wrong.text()
    assert wrong.status == 422
    assert "Số di động không đúng" in text
    assert 'value="113"' in text
    assert (await page.post("/account/addresses/phone", {"phone": "0912345678"})).status == 303
    soon = await page.post("/account/addresses/phone", {"phone": "0912345678"})
    assert (soon.status, soon.headers["Retry-After"]) == (429, "60")
    text = await (await page.get("/account?done=code")).text()
    assert "Mã gửi tới +84912345678" in text
    bad = await page.post("/account/addresses/phone/code", {"phone_code": "abc"})
    assert bad.status == 422
    assert "Mã không đúng" in await bad.text()
    good = await page.post("/account/addresses/phone/code", {"phone_code": last_code(store)})
    assert good.headers["Location"] == "/account?done=address#reach"
    text = await (await page.get("/account")).text()
    assert "Đã xác minh" in text
    assert "Tin nhắn SMS" in text
    assert (await page.post("/account/channels", {})).status == 303
    assert mine(store, page.who).channels == [Channel.ZALO]  # not on the page, as the server has none
    assert (await page.post("/account/addresses/phone/drop")).status == 303
    assert mine(store, page.who).contacts == []
    assert (await page.post("/account/addresses/fax", {"fax": "1"})).status == 404
