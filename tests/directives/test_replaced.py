"""Who is done with a document that is replaced: nothing changes for them, and they hear and see that it is replaced."""

from __future__ import annotations

import msgspec
import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.rules import Relation, State
from server.directives.shapes import AssignInput, ReceivedLine, ReportInput, ReturnInput, WaiveInput
from server.store import Store
from server.store.events import since
from tests.conftest import As, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue
from tests.directives.test_withdraw import later, states

NAMES = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "camhieu", "vanthu.camhieu")


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in NAMES}


class Replaced:
    """A plan that Cam Thủy has completed and Cam Hiếu has not, replaced by one to Cam Nghĩa alone."""

    def __init__(self, store: Store, district: DistrictIds, people: dict[str, Principal]) -> None:
        self.store, self.people = store, people
        self.done, self.open = people["camthuy"].unit_id, people["camhieu"].unit_id
        self.elsewhere = district.unit("19621")
        self.old = issue(store, people["chutich"], [self.done, self.open], subject="Bản cũ").id
        store.write_now(service.register, people["vanthu.camthuy"], POLICY, self.old)
        work = AssignInput(lead=people["camthuy"].account_id)
        store.write_now(service.assign, people["chutich.camthuy"], POLICY, self.old, work)
        answer = store.write_now(service.report, people["camthuy"], POLICY, self.old, ReportInput(text="Xong."))
        store.write_now(service.accept, people["vanthu"], POLICY, answer.id)

    def replace(self, *units: int) -> int:
        made = later(self.store, self.people["chutich"], [*units] or [self.elsewhere], Relation.REPLACES, self.old)
        return int(made.id)

    def news(self, unit: int) -> list[tuple[str, int, str, list[int]]]:
        """What open pages of a unit were told of what became of the old one."""
        events = self.store.read_now(lambda tx: since(tx.connection, unit, 0))
        found = [msgspec.json.decode(event.body) for event in events if event.kind == "delivery.news"]
        told = [(one["what"], one["directive"], one["subject"], one["accounts"]) for one in found]
        return [one for one in told if one[0] == "replaced"]

    def accounts(self, *names: str) -> list[int]:
        return sorted(self.people[name].account_id for name in names)

    def line(self, who: str) -> ReceivedLine:
        lines = self.store.read_now(service.inbox, self.people[who], POLICY, done=True).deliveries
        return next(line for line in lines if line.directive == self.old)


@pytest.fixture
def replaced(store: Store, district: DistrictIds, people: dict[str, Principal]) -> Replaced:
    return Replaced(store, district, people)


def test_who_has_completed_it_is_told_on_open_pages(replaced: Replaced, store: Store) -> None:
    replaced.replace()
    assert states(store, replaced.old) == {replaced.done: "COMPLETED", replaced.open: "SUPERSEDED"}
    wanted = replaced.accounts("camthuy", "vanthu.camthuy")
    assert replaced.news(replaced.done) == [("replaced", replaced.old, "Bản cũ", wanted)]
    assert len(replaced.news(replaced.open)) == 1  # the new one does not come to it either
    assert replaced.news(replaced.elsewhere) == []


def test_who_gets_the_new_one_reads_there_what_it_replaces(replaced: Replaced) -> None:
    replaced.replace(replaced.done, replaced.open)
    assert replaced.news(replaced.done) == replaced.news(replaced.open) == []


def test_every_holder_sees_by_what_it_was_replaced(replaced: Replaced, store: Store) -> None:
    assert replaced.line("camthuy").delivery.replaced_by == ""
    replaced.replace()
    for name, state in (("camthuy", State.COMPLETED), ("camhieu", State.SUPERSEDED)):
        opened = store.read_now(service.open_directive, replaced.people[name], POLICY, replaced.old)
        assert opened.delivery is not None
        assert (opened.delivery.state, opened.delivery.replaced_by, opened.chain) == (state, "02/KH-UBND", [])
        assert replaced.line(name).delivery.replaced_by == "02/KH-UBND"


def test_who_is_let_off_holds_it_still_and_who_returned_it_does_not(
    replaced: Replaced, store: Store, district: DistrictIds
) -> None:
    who, leader = replaced.people, replaced.people["chutich"]
    other = district.who("camnghia")
    replaced.old = issue(store, leader, [replaced.done, other.unit_id], subject="Bản cũ").id
    back = ReturnInput(reason="wrong_recipient")  # type: ignore[arg-type]
    store.write_now(service.return_delivery, other, POLICY, replaced.old, back)
    mine = store.read_now(service.open_directive, who["camthuy"], POLICY, replaced.old).delivery
    assert mine is not None
    store.write_now(service.waive, leader, POLICY, mine.id, WaiveInput(note="Không có rừng"))
    replaced.replace(replaced.open)
    assert [one[0] for one in replaced.news(replaced.done)] == ["replaced"]
    assert replaced.news(other.unit_id) == []
    returned = store.read_now(service.open_directive, other, POLICY, replaced.old).delivery
    assert returned is not None
    assert (replaced.line("camthuy").delivery.replaced_by, returned.replaced_by) == ("03/KH-UBND", "")


async def test_the_pages_say_so(replaced: Replaced, page_as: PageAs, as_: As) -> None:
    newer = replaced.replace()
    for name in ("camthuy", "vanthu.camhieu"):
        page = await page_as(name)
        text = await (await page.get(f"/directives/{replaced.old}")).text()
        assert "Đã được thay thế bằng số 02/KH-UBND" in text and f"/directives/{newer}" not in text
        assert "Đã được thay thế bằng số 02/KH-UBND" in await (await page.get("/directives/in?done=true")).text()
    own = await (await (await page_as("chutich")).get(f"/directives/{replaced.old}")).text()
    assert f'href="/directives/{newer}"' in own
    found = await (await (await as_("camthuy")).get(f"/api/v1/directives/{replaced.old}")).json()
    assert found["delivery"]["replaced_by"] == "02/KH-UBND"
