"""What is signed is what was read: a draft that has changed since is not issued."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.rules import DirectiveState
from server.directives.shapes import Directive, IssueInput, ScheduleInput, Upload
from server.errors import ConflictError
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.files import pdf
from tests.directives.helpers import POLICY, WEEK, draft
from tests.directives.test_api import ROOT, body, form

FILE = Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy")}


@pytest.fixture
def waiting(store: Store, people: dict[str, Principal]) -> int:
    """A draft of the clerk that waits for the leader."""
    made = draft([people["camthuy"].unit_id], deadline=store.clock() + WEEK)
    one = store.write_now(service.create_draft, people["vanthu"], POLICY, made)
    store.write_now(service.submit, people["vanthu"], one.id)
    return one.id


def read(store: Store, people: dict[str, Principal], directive: int) -> Directive:
    return store.read_now(service.open_directive, people["chutich"], POLICY, directive).directive


def edit(store: Store, people: dict[str, Principal], directive: int, **changes: Any) -> Any:
    made = draft([people["camthuy"].unit_id], **({"deadline": store.clock() + WEEK} | changes))
    return store.write_now(service.edit_draft, people["vanthu"], POLICY, directive, made)


def hidden(text: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to `action`."""
    inside = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', text, re.DOTALL)
    assert inside is not None, action
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', inside[0])
    return {name: value for name, value in fields if name != "csrf"}


# ---- the service


@pytest.mark.parametrize("how", ["edit", "attach", "detach"])
def test_what_has_changed_since_it_was_read_is_not_signed(
    store: Store, people: dict[str, Principal], waiting: int, how: str
) -> None:
    clerk, leader = people["vanthu"], people["chutich"]
    (added,) = store.write_now(service.attach, clerk, POLICY, waiting, [FILE])
    seen = read(store, people, waiting).revision
    if how == "edit":
        edit(store, people, waiting, body="Chuyện khác hẳn")
    elif how == "attach":
        store.write_now(service.attach, clerk, POLICY, waiting, [FILE])
    else:
        store.write_now(service.detach, clerk, waiting, added.id)
    with pytest.raises(ConflictError, match="draft_changed"):
        store.write_now(service.issue, leader, POLICY, waiting, IssueInput(revision=seen))
    moment = ScheduleInput(at=store.clock() + timedelta(days=1), revision=seen)
    with pytest.raises(ConflictError, match="draft_changed"):
        store.write_now(service.schedule, leader, waiting, moment)
    now = read(store, people, waiting)
    assert (now.state, now.number_text) == (DirectiveState.WAITING, "")
    done = store.write_now(service.issue, leader, POLICY, waiting, IssueInput(revision=now.revision))
    assert done.number_text == "01/KH-UBND"


def test_the_same_click_again_gets_the_first_answer(store: Store, people: dict[str, Principal], waiting: int) -> None:
    data = IssueInput(revision=read(store, people, waiting).revision, command_id="once")
    done = [store.write_now(service.issue, people["chutich"], POLICY, waiting, data) for _each in range(2)]
    assert done[0] == done[1]


def test_who_names_no_revision_signs_any(store: Store, people: dict[str, Principal], waiting: int) -> None:
    edit(store, people, waiting, body="Chuyện khác")
    assert store.write_now(service.issue, people["chutich"], POLICY, waiting).state == "ISSUED"


def test_an_edit_from_an_older_revision_overwrites_nothing(
    store: Store, people: dict[str, Principal], waiting: int
) -> None:
    seen = read(store, people, waiting).revision
    assert edit(store, people, waiting, body="Bản thứ hai", revision=seen).revision == seen + 1
    with pytest.raises(ConflictError, match="draft_changed"):
        edit(store, people, waiting, body="Bản thứ ba", revision=seen)
    assert read(store, people, waiting).body == "Bản thứ hai"


# ---- over the API and on pages


async def test_over_the_api(as_: As, clock: Clock, district: DistrictIds) -> None:
    clerk, leader = await as_("vanthu"), await as_("chutich")
    made = await (await clerk.post(ROOT, body(clock, [district.unit("19606")]))).json()
    one = f"{ROOT}/{made['id']}"
    seen = (await (await leader.get(one)).json())["directive"]["revision"]
    assert seen == made["revision"]
    added = await clerk.post(f"{one}/attachments", data=form(("a.pdf", pdf(), "application/pdf")))
    assert added.status == 201
    at = (clock() + timedelta(days=1)).isoformat()
    for step, data in (("issue", {}), ("schedule", {"at": at})):
        answer = await leader.post(f"{one}/{step}", data | {"revision": seen})
        problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"]) == (409, "draft_changed")
        assert "đã được sửa" in problem["title"]
    assert (await clerk.put(one, body(clock, [district.unit("19606")], revision=seen))).status == 409
    now = (await (await leader.get(one)).json())["directive"]["revision"]
    assert (await leader.post(f"{one}/issue", {"revision": now})).status == 200


@pytest.mark.parametrize("begin", ["draft", "home"])
async def test_a_page_that_shows_an_older_draft_signs_nothing(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs, begin: str
) -> None:
    leader, place = await page_as("chutich"), f"/directives/{waiting}"
    old = hidden(await (await leader.get("/" if begin == "home" else place)).text(), f"{place}/issue")
    edit(store, people, waiting, body="Số tiền đã khác")
    answer = await leader.post(f"{place}/issue", old)
    text = await answer.text()
    assert (answer.status, "Bản nháp đã thay đổi" in text, "Số tiền đã khác" in text) == (409, True, True)
    assert read(store, people, waiting).state == DirectiveState.WAITING
    assert (await leader.post(f"{place}/issue", {})).status == 409, "a page must say what it has shown"
    assert (await leader.post(f"{place}/issue", hidden(text, f"{place}/issue"))).status == 303
    assert read(store, people, waiting).state == DirectiveState.ISSUED


async def test_signing_for_a_later_moment_from_an_older_page(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs
) -> None:
    leader, place = await page_as("chutich"), f"/directives/{waiting}"
    at = {"at": f"{store.clock() + timedelta(days=2):%Y-%m-%dT%H:%M}"}
    old = hidden(await (await leader.get(place)).text(), f"{place}/schedule")
    edit(store, people, waiting, body="Số tiền đã khác")
    answer = await leader.post(f"{place}/schedule", old | at)
    text = await answer.text()
    assert (answer.status, "Số tiền đã khác" in text) == (409, True)
    assert (await leader.post(f"{place}/schedule", hidden(text, f"{place}/schedule") | at)).status == 303


async def test_the_form_of_an_older_draft_overwrites_nothing_unasked(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs
) -> None:
    leader, place = await page_as("chutich"), f"/directives/{waiting}/edit"
    old = hidden(await (await leader.get(place)).text(), place)
    edit(store, people, waiting, body="Số tiền đã khác")
    typed = {"kind": "Kế hoạch", "subject": "Lời của lãnh đạo", "recipients": str(people["camthuy"].unit_id)}
    answer = await leader.post(place, old | typed | {"action": "issue"})
    text = await answer.text()
    assert (answer.status, "chưa lưu" in text, "Lời của lãnh đạo" in text) == (409, True, True)
    now = read(store, people, waiting)
    assert (now.state, now.body) == (DirectiveState.WAITING, "Số tiền đã khác")
    again = await leader.post(place, hidden(text, place) | typed | {"action": "issue"})
    assert again.status == 303
    assert read(store, people, waiting).subject == "Lời của lãnh đạo"
