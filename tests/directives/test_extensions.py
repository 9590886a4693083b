"""More time: asked before the deadline, decided by the issuer, and what it does to clocks and lateness."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import delivery_table
from server.directives.rules import RecipientRole, Timeliness
from server.directives.shapes import Delivery, ExtensionDecision, ExtensionInput, RecallAnswer, RecallInput, ReportInput
from server.errors import ConflictError, NotAllowedError, UserError
from server.store import Store
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
ASK = ExtensionInput(reason="Nước chưa rút", until=LATER)


@pytest.fixture
def people(district: DistrictIds, clock: Clock) -> dict[str, Principal]:
    clock.set(NOW)
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy", "chutich.camthuy")}


@pytest.fixture
def registered(store: Store, people: dict[str, Principal]) -> tuple[int, int]:
    """Ids of a directive and its delivery to Cam Thủy, registered."""
    done = issue(store, people["chutich"], [people["camthuy"].unit_id], deadline=DUE)
    return done.id, store.write_now(service.register, people["camthuy"], POLICY, done.id).id


def shown(store: Store, who: Principal, directive: int) -> Delivery:
    found = store.read_now(service.open_directive, who, POLICY, directive).delivery
    assert found is not None
    return found


def test_a_granted_request_moves_the_deadline_and_keeps_the_first(
    store: Store, people: dict[str, Principal], registered: tuple[int, int], clock: Clock
) -> None:
    directive, delivery = registered
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, ASK)
    asked = shown(store, people["camthuy"], directive)
    assert (asked.deadline, asked.extensions[0].pending) == (DUE, True)
    clock.advance(hours=1)
    store.write_now(
        service.decide_extension, people["vanthu"], POLICY, delivery, ExtensionDecision(grant=True, note="Đồng ý")
    )
    granted = shown(store, people["camthuy"], directive)
    assert (granted.deadline, granted.first_deadline) == (LATER, DUE)
    (extension,) = granted.extensions
    assert (extension.granted, extension.pending, extension.deadline_before, extension.note) == (
        *(True, False, DUE, "Đồng ý"),
    )
    assert [change.event for change in granted.changes] == ["register", "ask_extension", "grant_extension"]
    clock.set(DUE + timedelta(hours=1))
    assert shown(store, people["camthuy"], directive).timeliness is not Timeliness.OVERDUE


def test_a_refused_request_moves_nothing_and_has_a_reason(
    store: Store, people: dict[str, Principal], registered: tuple[int, int]
) -> None:
    directive, delivery = registered
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, ASK)
    with pytest.raises(UserError, match="no_reason"):
        store.write_now(service.decide_extension, people["vanthu"], POLICY, delivery, ExtensionDecision(grant=False))
    no = ExtensionDecision(grant=False, note="Việc gấp")
    store.write_now(service.decide_extension, people["vanthu"], POLICY, delivery, no)
    assert shown(store, people["camthuy"], directive).deadline == DUE
    with pytest.raises(ConflictError, match="no_extension"):
        store.write_now(service.decide_extension, people["vanthu"], POLICY, delivery, no)
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, ASK)  # it may ask again


def test_while_it_is_undecided_what_is_late_waits_for_the_issuer(
    store: Store, people: dict[str, Principal], registered: tuple[int, int], clock: Clock
) -> None:
    directive, delivery = registered
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, ASK)
    clock.set(DUE + timedelta(hours=2))
    late = shown(store, people["camthuy"], directive)
    assert (late.timeliness, late.deadline) == (Timeliness.WAITING, DUE)
    assert [(piece.holder, piece.late) for piece in late.held][-1] == ("issuer", True)
    counts = store.read_now(service.open_directive, people["vanthu"], POLICY, directive).counts
    assert counts is not None
    assert counts.overdue == 0
    other = ExtensionDecision(grant=True, until=DUE + timedelta(hours=1))
    with pytest.raises(UserError, match="bad_extension"):  # a deadline that has passed already
        store.write_now(service.decide_extension, people["vanthu"], POLICY, delivery, other)
    no = ExtensionDecision(grant=False, note="Không")
    store.write_now(service.decide_extension, people["vanthu"], POLICY, delivery, no)
    assert shown(store, people["camthuy"], directive).timeliness is Timeliness.OVERDUE


def test_a_request_excuses_no_recall_that_is_not_answered(
    store: Store, people: dict[str, Principal], registered: tuple[int, int], clock: Clock
) -> None:
    """It waits for the issuer to decide on more time, but the issuer waits for the recall: late as any other."""
    directive, _delivery = registered
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, ASK)
    store.write_now(service.recall, people["chutich"], POLICY, directive, RecallInput(note="Sai số liệu"))
    assert shown(store, people["camthuy"], directive).timeliness is Timeliness.ON_TIME
    clock.advance(days=3)
    assert shown(store, people["camthuy"], directive).timeliness is Timeliness.OVERDUE
    late = store.read_now(service.late, people["chutich"], POLICY, 7)
    assert [line.directive for line in late.lines] == [directive]
    refused = RecallAnswer(agree=False, note="Đã họp dân")
    store.write_now(service.answer_recall, people["camthuy"], POLICY, directive, refused)
    assert shown(store, people["camthuy"], directive).timeliness is Timeliness.WAITING  # again for more time


def test_an_answer_ends_the_request(
    store: Store, people: dict[str, Principal], registered: tuple[int, int], clock: Clock
) -> None:
    directive, delivery = registered
    store.write_now(service.ask_extension, people["camthuy"], POLICY, directive, ASK)
    store.write_now(service.report, people["camthuy"], POLICY, directive, ReportInput(text="Xong rồi."))
    with pytest.raises(ConflictError):
        store.write_now(service.decide_extension, people["vanthu"], POLICY, delivery, ExtensionDecision(grant=True))
    (extension,) = shown(store, people["camthuy"], directive).extensions
    assert (extension.pending, extension.granted) == (False, None)


def test_what_cannot_be_asked(
    store: Store, people: dict[str, Principal], registered: tuple[int, int], clock: Clock
) -> None:
    directive, _delivery = registered

    def ask(data: ExtensionInput, who: str = "camthuy", of: int = directive) -> Any:
        return store.write_now(service.ask_extension, people[who], POLICY, of, data)

    with pytest.raises(UserError, match="bad_extension"):
        ask(ExtensionInput(reason="x", until=DUE))
    with pytest.raises(UserError, match="no_reason"):
        ask(ExtensionInput(reason=" ", until=LATER))
    row = sa.select(delivery_table.c.state, delivery_table.c.extension_asked_at)
    assert tuple(store.read_now(lambda tx: tx.one(row))) == ("REGISTERED", None)
    ask(ASK)
    with pytest.raises(ConflictError, match="extension_pending"):
        ask(ASK)
    unregistered = issue(store, people["chutich"], [people["camthuy"].unit_id], deadline=DUE)
    with pytest.raises(ConflictError, match="wrong_state"):
        ask(ASK, of=unregistered.id)
    told = issue(store, people["chutich"], [people["camthuy"].unit_id], role=RecipientRole.INFO, deadline=DUE)
    with pytest.raises(ConflictError, match="no_deadline"):
        ask(ASK, of=told.id)
    late = issue(store, people["chutich"], [people["camthuy"].unit_id], deadline=DUE)
    store.write_now(service.register, people["camthuy"], POLICY, late.id)
    clock.set(DUE + timedelta(seconds=1))
    with pytest.raises(ConflictError, match="past_deadline"):
        ask(ASK, of=late.id)
    with pytest.raises(NotAllowedError):
        store.write_now(service.decide_extension, people["camthuy"], POLICY, 1, ExtensionDecision(grant=True))


async def test_over_the_api_and_on_pages(
    registered: tuple[int, int], as_: As, page_as: PageAs, store: Store, clock: Clock
) -> None:
    directive, delivery = registered
    cadre, clerk = await page_as("camthuy"), await page_as("vanthu")
    path = f"/directives/{directive}"
    clock.advance(hours=1)
    assert "Xin gia hạn" in await (await cadre.get(path)).text()
    for reason, until in (("", "2026-12-02T17:00"), ("x", ""), ("x", "y")):
        wrong = await cadre.post(f"{path}/extension", {"reason": reason, "until": until})
        assert (wrong.status, "Có chỗ cần sửa" in await wrong.text()) == (422, True)
    sent = await cadre.post(f"{path}/extension", {"reason": "Nước chưa rút", "until": "2026-12-02T17:00"})
    assert sent.status == 303
    page = await (await clerk.get(f"/deliveries/{delivery}")).text()
    assert "Nước chưa rút" in page
    assert 'value="2026-12-02T17:00"' in page
    assert "Thời gian ở từng khâu" in page
    wrong = await clerk.post(f"/deliveries/{delivery}/extension", {"grant": "false"})
    assert (wrong.status, "Xin ghi rõ lý do" in await wrong.text()) == (422, True)
    done = await clerk.post(f"/deliveries/{delivery}/extension", {"grant": "true", "until": "2026-12-03T17:00"})
    assert done.status == 303
    api = await as_("camthuy")
    found = (await (await api.get(f"/api/v1/directives/{directive}")).json())["delivery"]
    assert found["deadline"] == "2026-12-03T10:00:00Z"
    assert found["first_deadline"] == "2026-11-27T10:00:00Z"
    asked = await api.post(
        f"/api/v1/directives/{directive}/extension", {"reason": "x", "until": "2026-12-09T10:00:00Z"}
    )
    assert asked.status == 200
    refused = await (await as_("chutich")).post(
        f"/api/v1/deliveries/{delivery}/extension", {"grant": False, "note": "Không"}
    )
    assert refused.status == 200


ANSWER_BY = re.compile(r"<dt>Hạn trả lời</dt>\s*<dd>(.*?)</dd>", re.DOTALL)


async def answer_by(page_as: PageAs, who: str, directive: int) -> str:
    """What the page says of the time for the answer."""
    found = ANSWER_BY.search(await (await (await page_as(who)).get(f"/directives/{directive}")).text())
    assert found is not None
    return found[1]


async def test_the_document_on_the_page_is_due_when_the_unit_s_own_answer_is(
    page_as: PageAs, as_: As, people: dict[str, Principal], clock: Clock
) -> None:
    leader, cadre, clerk = await as_("chutich"), await as_("camthuy"), await as_("vanthu")
    commune = people["camthuy"].unit_id
    asked = {"kind": "Kế hoạch", "subject": "Phòng, chống lụt bão", "deadline": DUE.isoformat()}
    made = await leader.post("/api/v1/directives?issue=true", {**asked, "recipients": [{"unit": commune}]})
    directive = (await made.json())["id"]
    delivery = (await (await cadre.post(f"/api/v1/directives/{directive}/register")).json())["id"]
    wish = {"reason": "Nước chưa rút", "until": LATER.isoformat()}
    assert (await cadre.post(f"/api/v1/directives/{directive}/extension", wish)).status == 200
    assert "27/11/2026" in await answer_by(page_as, "camthuy", directive)
    assert (await clerk.post(f"/api/v1/deliveries/{delivery}/extension", {"grant": True})).status == 200
    said = await answer_by(page_as, "camthuy", directive)
    assert "02/12/2026" in said and "27/11/2026" not in said
    assert "27/11/2026" in await answer_by(page_as, "vanthu", directive)  # the issuer's is that of all


async def test_who_is_only_informed_is_asked_for_no_answer(
    page_as: PageAs, as_: As, people: dict[str, Principal]
) -> None:
    leader = await as_("chutich")
    told = [{"unit": people["camthuy"].unit_id, "role": "info"}]
    asked = {"kind": "Kế hoạch", "subject": "Phòng, chống lụt bão", "deadline": DUE.isoformat()}
    made = await leader.post("/api/v1/directives?issue=true", {**asked, "recipients": told})
    assert "Không yêu cầu" in await answer_by(page_as, "camthuy", (await made.json())["id"])
