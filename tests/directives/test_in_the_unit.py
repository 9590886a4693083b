"""In the unit: clerk, leader, assignee; a commune forwards to its villages; the parent waits for mandatory children."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import alarm_table
from server.directives.rules import RecipientRole, Relation, State
from server.directives.shapes import AssignInput, Command, Delivery, ExtensionInput, ReportInput, Upload
from server.errors import ConflictError, NotAllowedError, UserError
from server.store import Store
from server.units.service import descendants
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, WEEK, draft, issue

FILE = Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "camhieu", "thon1.camthuy")
    return {name: district.who(name) for name in names}


def given(store: Store, people: dict[str, Principal], **changes: Any) -> int:
    """A directive that Cam Thủy's clerk has registered."""
    made = draft([people["camthuy"].unit_id], deadline=store.clock() + WEEK, **changes)
    done = store.write_now(service.create_and_issue, people["chutich"], POLICY, made, [FILE])
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, done.id)
    return done.id


def shown(store: Store, who: Principal, directive: int) -> Delivery:
    found = store.read_now(service.open_directive, who, POLICY, directive).delivery
    assert found is not None
    return found


def assign(store: Store, people: dict[str, Principal], directive: int, lead: str, *assists: str, note: str = "") -> Any:
    data = AssignInput(lead=people[lead].account_id, assists=[people[name].account_id for name in assists], note=note)
    return store.write_now(service.assign, people["chutich.camthuy"], POLICY, directive, data)


def test_the_leader_assigns_and_the_assignee_works(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    directive = given(store, people)
    done = assign(store, people, directive, "camthuy", "vanthu.camthuy", "camthuy", note="Làm trước thứ Sáu")
    assert done.state is State.ASSIGNED
    delivery = shown(store, people["camthuy"], directive)
    assert [(one.name, one.lead, one.note) for one in delivery.assigned] == [
        (people["camthuy"].name, True, "Làm trước thứ Sáu"),
        (people["vanthu.camthuy"].name, False, "Làm trước thứ Sáu"),
    ]
    assert [line.directive for line in inbox(store, people["camthuy"])] == [directive]
    assert inbox(store, people["chutich.camthuy"]) == []
    with pytest.raises(NotAllowedError, match="not_assigned"):
        store.write_now(service.start, people["chutich.camthuy"], directive, Command())
    started = store.write_now(service.start, people["camthuy"], directive, Command())
    assert started.state is State.IN_PROGRESS
    again = assign(store, people, directive, "vanthu.camthuy")
    assert again.state is State.ASSIGNED
    assert inbox(store, people["camthuy"]) == []
    events = [change.event for change in shown(store, people["camthuy"], directive).changes]
    assert events == ["register", "assign", "start", "assign"]


def inbox(store: Store, who: Principal) -> list[Any]:
    return store.read_now(service.inbox, who, POLICY, mine=True).deliveries


def test_what_cannot_be_assigned(store: Store, people: dict[str, Principal]) -> None:
    directive = given(store, people)
    with pytest.raises(UserError, match="not_a_member"):
        assign(store, people, directive, "camhieu")
    with pytest.raises(NotAllowedError):
        data = AssignInput(lead=people["camthuy"].account_id)
        store.write_now(service.assign, people["camthuy"], POLICY, directive, data)
    fresh = issue(store, people["chutich"], [people["camthuy"].unit_id])
    with pytest.raises(ConflictError, match="wrong_state"):  # not registered: no duty yet
        assign(store, people, fresh.id, "camthuy")
    assert shown(store, people["camthuy"], directive).assigned == []


@pytest.mark.parametrize("act", ["report", "ask"])
def test_who_answers_for_the_unit(store: Store, people: dict[str, Principal], clock: Clock, act: str) -> None:
    """Those who are named, and the leader and the clerk for the unit; another cadre does not close their work."""
    more = ExtensionInput(reason="Nước chưa rút", until=clock() + 2 * WEEK)

    def does(name: str, directive: int) -> None:
        if act == "report":
            store.write_now(service.report, people[name], POLICY, directive, ReportInput(text="Xong."))
        else:
            store.write_now(service.ask_extension, people[name], POLICY, directive, more)

    does("camthuy", given(store, people))  # nobody is named: whoever may answer
    for lead, assists in (("chutich.camthuy", ()), ("vanthu.camthuy", ("chutich.camthuy",))):
        directive = given(store, people)
        assign(store, people, directive, lead, *assists)
        with pytest.raises(NotAllowedError, match="not_assigned"):
            does("camthuy", directive)
        assert shown(store, people["camthuy"], directive).state is State.ASSIGNED
        does("vanthu.camthuy", directive)
    for name in ("camthuy", "chutich.camthuy", "vanthu.camthuy"):
        directive = given(store, people)
        assign(store, people, directive, "camthuy")
        does(name, directive)


async def test_the_page_offers_no_report_to_a_cadre_who_is_not_named(
    store: Store, people: dict[str, Principal], page_as: PageAs
) -> None:
    directive = given(store, people)
    path = f"/directives/{directive}"
    cadre = await page_as("camthuy")
    text = await (await cadre.get(path)).text()
    assert "Gửi báo cáo" in text and "Xin gia hạn" in text
    assign(store, people, directive, "vanthu.camthuy")
    text = await (await cadre.get(path)).text()
    assert "Gửi báo cáo" not in text and "Xin gia hạn" not in text
    assert "Việc này được giao cho người khác trong đơn vị" in text and people["vanthu.camthuy"].name in text
    refused = await cadre.post(f"{path}/report", {"text": "Xong."})
    assert (refused.status, "được giao cho người khác" in await refused.text()) == (403, True)
    assert "Gửi báo cáo" in await (await (await page_as("chutich.camthuy")).get(path)).text()


def test_reminders_go_to_those_who_work_on_it(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    directive = given(store, people, urgency=Urgency.FLASH)
    assign(store, people, directive, "vanthu.camthuy")
    clock.advance(days=4)
    while store.write_now(service.sweep, POLICY):
        pass
    (line,) = store.read_now(service.my_alarms, people["vanthu.camthuy"], POLICY)
    assert (line.clock, line.kind) == ("respond", "reminder")
    assert store.read_now(service.my_alarms, people["camthuy"], POLICY) == []
    assert len(store.read_now(lambda tx: tx.all(sa.select(alarm_table)))) == 1


# ---- villages


@pytest.fixture
def villages(store: Store, people: dict[str, Principal]) -> list[int]:
    return [unit.id for unit in store.read_now(descendants, people["camthuy"].unit_id)][:3]


def forward(store: Store, people: dict[str, Principal], parent: int, units: list[int], **changes: Any) -> int:
    return issue(store, people["chutich.camthuy"], units, relation=Relation.FORWARDS, related=parent, **changes).id


def test_a_parent_is_not_completed_while_a_mandatory_child_is_open(
    store: Store, people: dict[str, Principal], villages: list[int], district: DistrictIds, clock: Clock
) -> None:
    parent = given(store, people)
    child = forward(store, people, parent, villages[:1], deadline=clock() + timedelta(days=3))
    forward(store, people, parent, villages[1:], role=RecipientRole.INFO, deadline=None)
    head = people["thon1.camthuy"]
    assert head.unit_id == villages[0]
    report = store.write_now(service.report, people["camthuy"], POLICY, parent, ReportInput(text="Xong."))
    with pytest.raises(ConflictError, match="children_open"):
        store.write_now(service.accept, people["vanthu"], POLICY, report.id)
    counts = shown(store, people["camthuy"], parent).children
    assert counts is not None
    assert (counts.sent, counts.open, counts.reported) == (3, 1, 0)
    store.write_now(service.register, head, POLICY, child)
    done = store.write_now(service.report, head, POLICY, child, ReportInput(text="Thôn đã xong."))
    with pytest.raises(ConflictError, match="children_open"):  # answered, not accepted
        store.write_now(service.accept, people["vanthu"], POLICY, report.id)
    store.write_now(service.accept, people["chutich.camthuy"], POLICY, done.id)
    assert store.write_now(service.accept, people["vanthu"], POLICY, report.id).state is State.COMPLETED


def test_the_files_of_the_parent_go_along_and_the_chain_shows_both(
    store: Store, people: dict[str, Principal], villages: list[int]
) -> None:
    parent = given(store, people)
    child = forward(store, people, parent, villages[:1])
    opened = store.read_now(service.open_directive, people["thon1.camthuy"], POLICY, child)
    (file,) = opened.directive.attachments
    assert file.sha256 == FILE.sha256
    assert store.read_now(service.download, people["thon1.camthuy"], file.id) == file
    assert opened.chain == []  # the village never had the parent
    for who in ("camthuy", "chutich.camthuy"):
        chain = store.read_now(service.chain, people[who], parent)
        assert [(link.directive, link.relation) for link in chain] == [(parent, None), (child, "forwards")]
    assert store.read_now(service.chain, people["vanthu"], parent) == []  # what a commune writes is its own


def test_what_cannot_be_forwarded(
    store: Store, people: dict[str, Principal], villages: list[int], clock: Clock
) -> None:
    unregistered = issue(store, people["chutich"], [people["camthuy"].unit_id]).id
    for parent in (unregistered, 99_999):
        with pytest.raises(service.DraftError, match="not_forwardable"):
            forward(store, people, parent, villages)
    parent = given(store, people)
    with pytest.raises(service.DraftError, match="after_parent"):
        forward(store, people, parent, villages, deadline=clock() + WEEK + timedelta(hours=1))
    others = issue(store, people["chutich"], [people["camhieu"].unit_id]).id
    store.write_now(service.register, people["camhieu"], POLICY, others)
    with pytest.raises(service.DraftError, match="not_forwardable"):
        forward(store, people, others, villages)


async def test_pages_in_the_unit(
    page_as: PageAs, as_: As, district: DistrictIds, people: dict[str, Principal], clock: Clock
) -> None:
    from tests.directives.test_api import ROOT, body

    leader = await as_("chutich")
    made = await (await leader.post(f"{ROOT}?issue=true", body(clock, [people["camthuy"].unit_id]))).json()
    path = f"/directives/{made['id']}"
    clerk, chair, cadre = await page_as("vanthu.camthuy"), await page_as("chutich.camthuy"), await page_as("camthuy")
    assert (await clerk.post(f"{path}/register")).status == 303
    assert "Phân công người thực hiện" in await (await chair.get(path)).text()
    assert "Phân công người thực hiện" not in await (await cadre.get(path)).text()
    wrong = await chair.post(f"{path}/assign", {"assign_note": "Gấp"})
    text = await wrong.text()
    assert (wrong.status, "Xin chọn người chủ trì" in text, ">Gấp</textarea>" in text) == (422, True, True)
    sent = {"lead": str(people["camthuy"].account_id), "assign_note": "Gấp"}
    assert (await chair.post(f"{path}/assign", sent)).status == 303
    assert "Bắt đầu xử lý" in await (await cadre.get(path)).text()
    assert (await cadre.post(f"{path}/start")).status == 303
    assert "Phòng, chống lụt bão" in await (await cadre.get("/directives/in?mine=true")).text()
    form = await (await chair.get(f"/directives/new?forwards={made['id']}")).text()
    assert 'name="relation" value="forwards"' in form
    village = district.unit("19606.01")
    child = await chair.post(
        "/directives/new",
        {
            "kind": "Thông báo",
            "subject": "Họp thôn",
            "recipients": str(village),
            "relation": "forwards",
            "related": str(made["id"]),
            "deadline": f"{clock() + timedelta(days=2):%Y-%m-%dT%H:%M}",
            "action": "issue",
        },
    )
    assert child.status == 303
    head, child_path = await page_as("thon1.camthuy"), child.headers["Location"]
    assert "ĐÃ NHẬN" in await (await head.get("/")).text()
    assert (await head.post(f"{child_path}/register")).status == 303
    assert "XEM VÀ BÁO XONG" in await (await head.get("/")).text()
    assert "ĐÃ LÀM XONG" in await (await head.get(child_path)).text()
    assert (await head.post(f"{child_path}/report", {"text": "Thôn đã thực hiện xong."})).status == 303
    assert "Đã triển khai xuống thôn" in await (await cadre.get(path)).text()


async def test_a_village_says_by_one_button_that_it_is_done_also_without_a_time(
    page_as: PageAs, as_: As, people: dict[str, Principal]
) -> None:
    chair, head = await as_("chutich.camthuy"), await page_as("thon1.camthuy")
    told = [{"unit": people["thon1.camthuy"].unit_id}]
    body = {"kind": "Thông báo", "subject": "Dọn vệ sinh", "recipients": told}
    path = f"/directives/{(await (await chair.post('/api/v1/directives?issue=true', body)).json())['id']}"
    assert (await head.post(f"{path}/register")).status == 303
    assert "XEM VÀ BÁO XONG" in await (await head.get("/")).text()
    assert "ĐÃ LÀM XONG" in await (await head.get(path)).text()
