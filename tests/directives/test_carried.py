"""What a recipient has made of a directive that is recalled, replaced or waived: it is given up first, or said."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import delivery_table
from server.directives.rules import Relation, State
from server.directives.shapes import RecallAnswer, WaiveInput
from server.errors import ConflictError
from server.store import Store
from tests.conftest import DistrictIds, PageAs
from tests.directives.helpers import POLICY, WEEK, draft, issue
from tests.directives.test_withdraw import ASK, later, states

v = delivery_table.c


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "camthuy", "chutich.camthuy", "camhieu", "thon1.camthuy")
    return {name: district.who(name) for name in names}


@pytest.fixture
def communes(district: DistrictIds) -> list[int]:
    return [district.unit(code) for code in ("19606", "19615", "19621")]


@pytest.fixture
def village(district: DistrictIds) -> int:
    return district.unit("19606.01")


def hand_on(store: Store, people: dict[str, Principal], parent: int, village: int, **changes: Any) -> int:
    """Cam Thủy registers a directive and carries it on to a village."""
    store.write_now(service.register, people["camthuy"], POLICY, parent)
    return later(store, people["chutich.camthuy"], [village], Relation.FORWARDS, parent, **changes).id


def agree(store: Store, who: Principal, directive: int) -> State:
    return store.write_now(service.answer_recall, who, POLICY, directive, RecallAnswer(agree=True)).state


def test_who_has_handed_it_on_recalls_that_first(
    store: Store, people: dict[str, Principal], communes: list[int], village: int
) -> None:
    commune, head, leader = people["camthuy"], people["thon1.camthuy"], people["chutich.camthuy"]
    parent = issue(store, people["chutich"], communes).id
    child = hand_on(store, people, parent, village)
    store.write_now(service.recall, people["chutich"], POLICY, parent, ASK)
    with pytest.raises(ConflictError, match=r"01/KH-UBND.*còn giữ") as refused:
        agree(store, commune, parent)
    assert refused.value.code == "carried_on"
    assert states(store, parent)[commune.unit_id] == "RECALL_PENDING"
    (line,) = store.read_now(service.carried_on, commune, parent)
    assert (line.directive, line.number_text, line.held) == (child, "01/KH-UBND", 1)
    store.write_now(service.recall, leader, POLICY, child, ASK)
    with pytest.raises(ConflictError, match="carried_on"):  # asked, not destroyed yet
        agree(store, commune, parent)
    assert agree(store, head, child) is State.RECALLED
    assert store.read_now(service.carried_on, commune, parent) == []
    assert agree(store, commune, parent) is State.RECALLED
    assert agree(store, people["camhieu"], parent) is State.RECALLED, "others have handed on nothing"


def test_who_has_handed_it_on_may_refuse_the_recall(
    store: Store, people: dict[str, Principal], communes: list[int], village: int
) -> None:
    parent = issue(store, people["chutich"], communes[:1]).id
    hand_on(store, people, parent, village)
    store.write_now(service.recall, people["chutich"], POLICY, parent, ASK)
    no = RecallAnswer(agree=False, note="Thôn đã làm xong")
    assert store.write_now(service.answer_recall, people["camthuy"], POLICY, parent, no).state is State.REGISTERED


def test_what_took_the_place_of_the_child_counts_and_so_does_a_draft(
    store: Store, people: dict[str, Principal], communes: list[int], village: int
) -> None:
    commune, head, leader = people["camthuy"], people["thon1.camthuy"], people["chutich.camthuy"]
    parent = issue(store, people["chutich"], communes[:1]).id
    child = hand_on(store, people, parent, village)
    newer = later(store, leader, [village], Relation.REPLACES, child).id
    made = draft([village], relation=Relation.FORWARDS, related=parent, deadline=store.clock() + WEEK)
    unsigned = store.write_now(service.create_draft, leader, POLICY, made).id
    store.write_now(service.recall, people["chutich"], POLICY, parent, ASK)
    found = store.read_now(service.carried_on, commune, parent)
    assert [(one.directive, one.held) for one in found] == [(newer, 1), (unsigned, 0)]
    assert [bool(one.subject) for one in found] == [True, False], "a cadre may not open drafts"
    assert all(one.subject for one in store.read_now(service.carried_on, leader, parent))
    store.write_now(service.recall, leader, POLICY, newer, ASK)
    agree(store, head, newer)
    with pytest.raises(ConflictError, match="bản nháp"):
        agree(store, commune, parent)
    store.write_now(service.delete_draft, leader, unsigned)
    assert agree(store, commune, parent) is State.RECALLED


async def test_the_page_names_what_was_handed_on(
    store: Store, people: dict[str, Principal], communes: list[int], village: int, page_as: PageAs
) -> None:
    page, says = await page_as("vanthu.camthuy"), "Văn bản đơn vị đã triển khai vẫn còn hiệu lực"
    recalled = issue(store, people["chutich"], communes[:1], subject="Việc một").id
    children = [hand_on(store, people, recalled, village, subject="Thôn làm một")]
    assert says not in await (await page.get(f"/directives/{recalled}")).text()
    store.write_now(service.recall, people["chutich"], POLICY, recalled, ASK)
    replaced = issue(store, people["chutich"], communes[:1], subject="Việc hai").id
    children.append(hand_on(store, people, replaced, village, subject="Thôn làm hai"))
    later(store, people["chutich"], communes[:1], Relation.REPLACES, replaced)
    waived = issue(store, people["chutich"], communes[:1], subject="Việc ba").id
    children.append(hand_on(store, people, waived, village, subject="Thôn làm ba"))
    one = store.read_now(lambda tx: tx.one(sa.select(v.id).where(v.directive_id == waived)))
    store.write_now(service.waive, people["chutich"], POLICY, one.id, WaiveInput(note="Đã xong ở huyện"))
    words = ("phải thu hồi văn bản đã triển khai", "vẫn đang làm theo", "Đơn vị được miễn thực hiện, nhưng")
    for directive, child, said in zip((recalled, replaced, waived), children, words, strict=True):
        text = await (await page.get(f"/directives/{directive}")).text()
        assert says in text and said in text and f'href="/directives/{child}"' in text
        assert "Đã hủy bản nhận" not in text
    answer = await page.post(f"/directives/{recalled}/recall-answer", {"agree": "true"})
    assert (answer.status, "nơi nhận còn giữ" in await answer.text()) == (409, True)
    store.write_now(service.recall, people["chutich.camthuy"], POLICY, children[0], ASK)
    agree(store, people["thon1.camthuy"], children[0])
    text = await (await page.get(f"/directives/{recalled}")).text()
    assert says not in text and "Đã hủy bản nhận" in text
