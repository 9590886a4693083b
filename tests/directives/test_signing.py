"""What is signed is what was read; what is not signed goes back to its author with the reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import returned_table
from server.directives.rules import DRAFT_STATES, DirectiveState, DraftEvent
from server.directives.service import scheduling
from server.directives.shapes import Directive, HandBackInput, IssueInput, ScheduleInput, Upload
from server.errors import ConflictError, NotAllowedError, UserError
from server.store import Store
from server.store.events import since
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.files import pdf
from tests.directives.helpers import POLICY, WEEK, draft, hidden
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
    store.write_now(service.submit, people["vanthu"], POLICY, one.id)
    return one.id


def read(store: Store, people: dict[str, Principal], directive: int) -> Directive:
    return store.read_now(service.open_directive, people["chutich"], POLICY, directive).directive


def edit(store: Store, people: dict[str, Principal], directive: int, **changes: Any) -> Any:
    made = draft([people["camthuy"].unit_id], **({"deadline": store.clock() + WEEK} | changes))
    return store.write_now(service.edit_draft, people["vanthu"], POLICY, directive, made)


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


# ---- back to the author

BACK = HandBackInput(note="Mục 2 thiếu căn cứ", command_id="back")


def test_a_leader_hands_a_draft_back_with_the_reason(
    store: Store, people: dict[str, Principal], waiting: int, clock: Clock
) -> None:
    leader, seen = people["chutich"], read(store, people, waiting).revision
    done = [store.write_now(service.hand_back, leader, POLICY, waiting, BACK) for _each in range(2)]
    assert (done[0].state, done[0]) == (DirectiveState.DRAFT, done[1])
    now = read(store, people, waiting)
    assert (now.state, [(one.person, one.note) for one in now.returns]) == ("DRAFT", [(leader.name, BACK.note)])
    events = store.read_now(lambda tx: since(tx.connection, leader.unit_id, 0))
    (told,) = [msgspec.json.decode(one.body) for one in events if one.kind == "directive.handed_back"]
    assert (told["accounts"], told["href"]) == ([people["vanthu"].account_id], f"/directives/{waiting}")
    with pytest.raises(ConflictError, match="draft_changed"):  # another leader's page that was open before
        store.write_now(service.issue, leader, POLICY, waiting, IssueInput(revision=seen))
    clock.advance(hours=1)
    edit(store, people, waiting, body="Đủ căn cứ")
    store.write_now(service.submit, people["vanthu"], POLICY, waiting)
    store.write_now(service.hand_back, leader, POLICY, waiting, HandBackInput(note="Còn sai chính tả"))
    assert [one.note for one in read(store, people, waiting).returns] == ["Còn sai chính tả", BACK.note]
    store.write_now(service.issue, leader, POLICY, waiting)
    issued = store.read_now(service.open_directive, people["camthuy"], POLICY, waiting)
    assert issued.directive.returns == [], "what was said inside the unit stays there"


def test_what_cannot_be_handed_back(store: Store, people: dict[str, Principal], waiting: int) -> None:
    leader = people["chutich"]
    with pytest.raises(NotAllowedError):
        store.write_now(service.hand_back, people["vanthu"], POLICY, waiting, BACK)
    with pytest.raises(UserError, match="no_reason"):
        store.write_now(service.hand_back, leader, POLICY, waiting, HandBackInput(note=" "))
    store.write_now(service.hand_back, leader, POLICY, waiting, BACK)
    with pytest.raises(ConflictError, match="not_waiting"):
        store.write_now(service.hand_back, leader, POLICY, waiting, HandBackInput(note="Nữa"))
    store.write_now(service.delete_draft, people["vanthu"], waiting)
    assert store.read_now(lambda tx: tx.all(sa.select(returned_table))) == []


@pytest.mark.parametrize("state", list(DirectiveState))
@pytest.mark.parametrize("event", [one for one in DraftEvent if one not in (DraftEvent.HOLD, DraftEvent.RELEASE)])
def test_what_happens_is_what_the_table_says(
    store: Store, people: dict[str, Principal], waiting: int, state: DirectiveState, event: DraftEvent
) -> None:
    leader, later = people["chutich"], ScheduleInput(at=store.clock() + timedelta(days=1))
    way = {
        DirectiveState.DRAFT: DraftEvent.HAND_BACK,
        DirectiveState.SCHEDULED: DraftEvent.SIGN,
        DirectiveState.ISSUED: DraftEvent.ISSUE,
    }
    do = {
        DraftEvent.EDIT: lambda: edit(store, people, waiting),
        DraftEvent.SUBMIT: lambda: store.write_now(service.submit, people["vanthu"], POLICY, waiting),
        DraftEvent.HAND_BACK: lambda: store.write_now(
            service.hand_back, leader, POLICY, waiting, HandBackInput(note="Sửa")
        ),
        DraftEvent.SIGN: lambda: store.write_now(service.schedule, leader, waiting, later),
        DraftEvent.ISSUE: lambda: store.write_now(service.issue, leader, POLICY, waiting),
        DraftEvent.TAKE_BACK: lambda: store.write_now(service.take_back, leader, waiting),
    }
    if state in way:
        do[way[state]]()
    assert read(store, people, waiting).state == state
    after = DRAFT_STATES[state].get(event)
    if after is None:
        with pytest.raises(ConflictError):
            do[event]()
    else:
        assert do[event]().state == after
    assert read(store, people, waiting).state == (after or state)


@pytest.mark.parametrize("event", [DraftEvent.HOLD, DraftEvent.RELEASE])
def test_what_the_sweeper_does_is_what_the_table_says(
    store: Store,
    people: dict[str, Principal],
    waiting: int,
    clock: Clock,
    event: DraftEvent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.write_now(service.schedule, people["chutich"], waiting, ScheduleInput(at=store.clock() + timedelta(days=1)))
    clock.advance(days=1)
    if event is DraftEvent.HOLD:
        monkeypatch.setattr(scheduling.accounts, "principals", lambda _tx, _account: [])
    assert store.write_now(service.issue_due, POLICY)
    assert read(store, people, waiting).state == DRAFT_STATES[DirectiveState.SCHEDULED][event]


async def test_handing_back_on_the_page(
    store: Store, people: dict[str, Principal], waiting: int, page_as: PageAs, as_: As
) -> None:
    leader, clerk, place = await page_as("chutich"), await page_as("vanthu"), f"/directives/{waiting}"
    assert "Trả lại người soạn" in await (await leader.get(place)).text()
    assert "Trả lại người soạn" not in await (await clerk.get(place)).text()
    assert (await clerk.post(f"{place}/hand-back", {"reason": "Sửa"})).status == 403
    empty = await leader.post(f"{place}/hand-back", {"reason": " "})
    assert (empty.status, "Xin ghi rõ lý do." in await empty.text()) == (422, True)
    assert (await leader.post(f"{place}/hand-back", {"reason": "Mục 2 thiếu căn cứ"})).status == 303
    text = await (await clerk.get(place)).text()
    assert "Lãnh đạo đã trả lại người soạn" in text and "Mục 2 thiếu căn cứ" in text and "Viết tiếp" in text
    over = await (await as_("chutich")).post(f"/api/v1{place}/hand-back", {"note": "Nữa"})
    assert (over.status, (await over.json(content_type=None))["code"]) == (409, "not_waiting")
