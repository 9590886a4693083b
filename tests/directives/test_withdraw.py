"""After the issue: recall with its answer, replacement, correction, waiver, and the chain of documents."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import DocumentType
from server.directives.model import change_table, delivery_table
from server.directives.rules import RecipientRole, Relation, State
from server.directives.shapes import RecallAnswer, RecallInput, ReportInput, Upload, WaiveInput
from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.store import Store, Transaction
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, WEEK, draft, issue

v = delivery_table.c
ASK = RecallInput(note="Sai số liệu ở mục 2")


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "camhieu", "thon1.camthuy")
    return {name: district.who(name) for name in names}


@pytest.fixture
def communes(district: DistrictIds) -> list[int]:
    return [district.unit(code) for code in ("19606", "19615", "19621")]


def states(store: Store, directive: int) -> dict[int, str]:
    query = sa.select(v.unit_id, v.state).where(v.directive_id == directive)
    return {row.unit_id: row.state for row in store.read_now(lambda tx: tx.all(query))}


def complete(store: Store, people: dict[str, Principal], directive: int) -> int:
    """Cam Thủy does all of it."""
    store.write_now(service.register, people["camthuy"], POLICY, directive)
    done = store.write_now(service.report, people["camthuy"], POLICY, directive, ReportInput(text="Xong."))
    store.write_now(service.accept, people["vanthu"], POLICY, done.id)
    return done.id


def test_a_recall_is_asked_and_answered(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    done = issue(store, people["chutich"], communes)
    store.write_now(service.register, people["camthuy"], POLICY, done.id)
    asked = store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    assert (asked.asked, asked.left) == (3, 0)
    assert set(states(store, done.id).values()) == {"RECALL_PENDING"}
    agreed = store.write_now(service.answer_recall, people["camhieu"], POLICY, done.id, RecallAnswer(agree=True))
    assert agreed.state is State.RECALLED
    with pytest.raises(UserError, match="no_reason"):
        store.write_now(service.answer_recall, people["camthuy"], POLICY, done.id, RecallAnswer(agree=False, note=" "))
    refused = RecallAnswer(agree=False, note="Đã họp dân rồi")
    assert store.write_now(service.answer_recall, people["camthuy"], POLICY, done.id, refused).state is State.REGISTERED
    board = store.read_now(service.open_directive, people["vanthu"], POLICY, done.id)
    assert board.counts is not None
    assert (board.counts.sent, board.counts.withdrawn) == (3, 1)
    history = store.read_now(lambda tx: tx.all(sa.select(change_table).order_by(change_table.c.id)))
    assert [(c.event, c.note) for c in history if "recall" in c.event] == [
        *[("recall", ASK.note)] * 3,
        ("agree_recall", None),
        ("refuse_recall", "Đã họp dân rồi"),
    ]


def test_a_receipt_during_a_recall_counts(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes[:1])
    store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    assert store.write_now(service.arrived, {communes[0]: 1}) == 1
    row = store.read_now(lambda tx: tx.one(sa.select(delivery_table)))
    assert (row.state, row.state_before, row.arrived_at is not None) == ("RECALL_PENDING", "ARRIVED", True)
    store.write_now(service.see, people["camthuy"], done.id)
    no = RecallAnswer(agree=False, note="Cần giữ")
    assert store.write_now(service.answer_recall, people["camthuy"], POLICY, done.id, no).state is State.SEEN


def test_what_was_given_up_can_no_longer_be_read(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    file = Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)
    made = draft(communes, deadline=store.clock() + WEEK)
    done = store.write_now(service.create_and_issue, people["chutich"], POLICY, made, [file])
    before = store.read_now(service.open_directive, people["camthuy"], POLICY, done.id).directive
    (attachment,) = before.attachments
    assert store.read_now(service.download, people["camthuy"], attachment.id).name == "a.pdf"
    store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    store.write_now(service.answer_recall, people["camthuy"], POLICY, done.id, RecallAnswer(agree=True))
    after = store.read_now(service.open_directive, people["camthuy"], POLICY, done.id).directive
    assert (after.subject, after.body, after.attachments) == (before.subject, "", [])
    with pytest.raises(NotFoundError):
        store.read_now(service.download, people["camthuy"], attachment.id)
    assert store.read_now(service.download, people["camhieu"], attachment.id).name == "a.pdf"


async def test_devices_learn_what_their_unit_has_given_up(
    as_: As, page_as: PageAs, store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    first, second = (issue(store, people["chutich"], communes).id for _ in range(2))
    store.write_now(service.recall, people["chutich"], POLICY, first, ASK)
    ask = f"/api/v1/directives/given-up?among={first}&among={second}&among=99999999999"
    client, page, other = await as_("camthuy"), await page_as("camthuy"), await as_("camhieu")
    assert await (await client.get(ask)).json() == {"directives": []}, "asked for, and not agreed to yet"
    assert "data-given-up" not in await (await page.get(f"/directives/{first}")).text()
    store.write_now(service.answer_recall, people["camthuy"], POLICY, first, RecallAnswer(agree=True))
    assert await (await client.get(ask)).json() == {"directives": [first]}
    assert await (await client.get("/api/v1/directives/given-up")).json() == {"directives": []}
    assert "<html" in (text := await (await page.get(f"/directives/{first}")).text())
    assert " data-given-up>" in text, "what keeps pages on the device is told to keep this one no longer"
    assert "data-given-up" not in await (await page.get(f"/directives/{second}")).text()
    assert await (await other.get(ask)).json() == {"directives": []}, "this unit has it still"
    issuer = await as_("chutich")
    assert await (await issuer.get(ask)).json() == {"directives": []}


def test_what_cannot_be_recalled(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    complete(store, people, done.id)
    one = RecallInput(note="Nhầm", units=communes[:1])
    with pytest.raises(ConflictError, match="đã hoàn thành"):
        store.write_now(service.recall, people["chutich"], POLICY, done.id, one)
    both = RecallInput(note="Nhầm", units=communes[:2])
    with pytest.raises(ConflictError):
        store.write_now(service.recall, people["chutich"], POLICY, done.id, both)
    assert states(store, done.id)[communes[1]] == "SENT"  # refused as a whole
    asked = store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    assert (asked.asked, asked.left) == (2, 1)
    with pytest.raises(ConflictError):
        store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    with pytest.raises(NotAllowedError):
        store.write_now(service.recall, people["vanthu"], POLICY, done.id, ASK)
    with pytest.raises(NotFoundError):
        store.write_now(service.recall, people["chutich"], POLICY, done.id, RecallInput(note="x", units=[1, 99_999]))
    with pytest.raises(ConflictError, match="thu hồi"):
        store.write_now(service.register, people["camhieu"], POLICY, done.id)
    unissued = store.write_now(service.create_draft, people["chutich"], POLICY, draft(communes))
    with pytest.raises(ConflictError, match="not_issued"):
        store.write_now(service.recall, people["chutich"], POLICY, unissued.id, ASK)


@pytest.mark.parametrize("note", ["", " \n", "TỐI MẬT", "a\u202eb"])
def test_a_reason_says_something_and_no_secret(
    store: Store, people: dict[str, Principal], communes: list[int], note: str
) -> None:
    done = issue(store, people["chutich"], communes)
    with pytest.raises(UserError):
        store.write_now(service.recall, people["chutich"], POLICY, done.id, RecallInput(note=note))
    assert set(states(store, done.id).values()) == {"SENT"}


def test_information_can_be_recalled_but_not_waived(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    done = issue(store, people["chutich"], communes[:1], role=RecipientRole.INFO)
    closed = store.write_now(service.register, people["camthuy"], POLICY, done.id)
    with pytest.raises(ConflictError):
        store.write_now(service.waive, people["chutich"], POLICY, closed.id, WaiveInput(note="Không cần"))
    store.write_now(service.recall, people["chutich"], POLICY, done.id, ASK)
    no = RecallAnswer(agree=False, note="Đã niêm yết")
    assert store.write_now(service.answer_recall, people["camthuy"], POLICY, done.id, no).state is State.CLOSED_INFO


def test_a_waived_unit_is_done_with_it(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    done = issue(store, people["chutich"], communes[:1])
    closed = store.write_now(service.register, people["camthuy"], POLICY, done.id)
    with pytest.raises(NotFoundError):  # another unit's leader
        store.write_now(service.waive, people["chutich.camthuy"], POLICY, closed.id, WaiveInput(note="Bận"))
    waived = store.write_now(service.waive, people["chutich"], POLICY, closed.id, WaiveInput(note="Xã không có rừng"))
    assert waived.state is State.WAIVED
    clock.advance(days=30)
    opened = store.read_now(service.open_directive, people["camthuy"], POLICY, done.id)
    assert opened.delivery is not None
    assert opened.delivery.timeliness == "NONE"
    assert store.read_now(service.late, people["chutich"], POLICY, 5).lines == []
    with pytest.raises(ConflictError, match="miễn"):
        store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="x"))


# ---- replacement and correction


def later(store: Store, who: Principal, units: list[int], relation: Relation, related: int, **changes: Any) -> Any:
    return issue(store, who, units, relation=relation, related=related, **changes)


def test_a_replacement_takes_the_place_of_what_is_open(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    old = issue(store, people["chutich"], communes)
    complete(store, people, old.id)
    new = later(store, people["chutich"], communes, Relation.REPLACES, old.id, subject="Bản đúng")
    assert states(store, old.id) == {
        communes[0]: "COMPLETED",
        communes[1]: "SUPERSEDED",
        communes[2]: "SUPERSEDED",
    }
    assert set(states(store, new.id).values()) == {"SENT"}
    with pytest.raises(ConflictError, match="thay thế"):
        store.write_now(service.register, people["camhieu"], POLICY, old.id)
    with pytest.raises(service.DraftError, match="replaced_already"):
        later(store, people["chutich"], communes, Relation.REPLACES, old.id)


def test_of_two_replacements_at_once_the_second_finds_the_first(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    old = issue(store, people["chutich"], communes[:1])
    tied = {"relation": Relation.REPLACES, "related": old.id, "deadline": store.clock() + WEEK}
    drafts = [
        store.write_now(service.create_draft, people["chutich"], POLICY, draft(communes[:1], **tied, subject=subject))
        for subject in ("Bản đúng", "Bản cũng đúng")
    ]
    issued, go_on = Event(), Event()

    def first(tx: Transaction) -> str:
        done = service.issue(tx, people["chutich"], POLICY, drafts[0].id)
        issued.set()
        assert go_on.wait(10)
        return done.number_text

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(store.write_now, first)
        assert issued.wait(10)
        other = pool.submit(store.write_now, service.issue, people["chutich"], POLICY, drafts[1].id)
        with pytest.raises(TimeoutError):
            other.result(0.5)
        go_on.set()
        assert one.result() == "02/KH-UBND"
        with pytest.raises(service.DraftError, match="replaced_already"):
            other.result()
    assert (states(store, old.id), states(store, drafts[1].id)) == ({communes[0]: "SUPERSEDED"}, {})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": DocumentType.CONG_VAN}, "other_form"),
        ({"related": 99_999}, "unknown_related"),
        ({"related": None}, "unknown_related"),
    ],
)
def test_a_replacement_has_the_form_of_the_old(
    store: Store, people: dict[str, Principal], communes: list[int], changes: dict[str, Any], code: str
) -> None:
    old = issue(store, people["chutich"], communes)
    wrong: dict[str, Any] = {"relation": Relation.REPLACES, "related": old.id, **changes}
    with pytest.raises(service.DraftError, match=code):
        issue(store, people["chutich"], communes, **wrong)
    assert set(states(store, old.id).values()) == {"SENT"}


def test_the_documents_of_others_cannot_be_replaced(
    store: Store, people: dict[str, Principal], communes: list[int], district: DistrictIds
) -> None:
    old = issue(store, people["chutich"], communes)
    commune, village = district.who("chutich.camthuy"), district.unit("19606.01")
    with pytest.raises(service.DraftError, match="unknown_related"):
        later(store, commune, [village], Relation.REPLACES, old.id)


def test_a_correction_changes_no_state_and_the_chain_shows_all(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    first = issue(store, people["chutich"], communes[:2])
    clock.advance(minutes=1)
    second = later(store, people["chutich"], communes[:1], Relation.REPLACES, first.id)
    clock.advance(minutes=1)
    third = later(store, people["chutich"], communes[:1], Relation.CORRECTS, second.id, kind=DocumentType.CONG_VAN)
    assert states(store, second.id) == {communes[0]: "SENT"}
    every = [first.id, second.id, third.id]
    for at in every:
        opened = store.read_now(service.open_directive, people["vanthu"], POLICY, at)
        assert [link.directive for link in opened.chain] == every
        assert [(link.relation, link.related) for link in opened.chain] == [
            (None, None),
            ("replaces", first.id),
            ("corrects", second.id),
        ]
        assert [link.directive for link in store.read_now(service.chain, people["camthuy"], at)] == every
    assert store.read_now(service.chain, people["camhieu"], first.id) == []  # the others never came to it
    assert store.read_now(service.chain, people["thon1.camthuy"], first.id) == []
    alone = issue(store, people["chutich"], communes[:1])
    assert store.read_now(service.open_directive, people["vanthu"], POLICY, alone.id).chain == []


# ---- over HTTP


async def test_a_recall_over_the_api(as_: As, district: DistrictIds, clock: Clock) -> None:
    from tests.directives.test_api import ROOT, body

    leader, cadre = await as_("chutich"), await as_("camthuy")
    made = await (await leader.post(f"{ROOT}?issue=true", body(clock, [district.unit("19606")]))).json()
    one = f"{ROOT}/{made['id']}"
    assert (await cadre.post(f"{one}/recall", {"note": "x"})).status == 403
    assert (await leader.post(f"{one}/recall", {})).status == 422
    asked = await leader.post(f"{one}/recall", {"note": "Sai", "command_id": "r"})
    assert await asked.json() == {"id": made["id"], "asked": 1, "left": 0}
    again = await leader.post(f"{one}/recall", {"note": "Sai", "command_id": "r"})
    assert await again.json() == {"id": made["id"], "asked": 1, "left": 0}
    other = await leader.post(f"{one}/recall", {"note": "Khác", "command_id": "r"})
    assert (other.status, (await other.json())["code"]) == (409, "command_reused")
    answered = await cadre.post(f"{one}/recall-answer", {"agree": True})
    assert (await answered.json())["state"] == "RECALLED"
    late = await cadre.post(f"{one}/register")
    assert (late.status, (await late.json())["code"]) == (409, "wrong_state")


async def test_the_pages_of_a_recall_and_a_replacement(
    page_as: PageAs, store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    done = issue(store, people["chutich"], communes[:2])
    leader, cadre = await page_as("chutich"), await page_as("camthuy")
    path = f"/directives/{done.id}"
    empty = await leader.post(f"{path}/recall", {"reason": ""})
    assert (empty.status, "Xin ghi rõ lý do" in await empty.text()) == (422, True)
    assert (await leader.post(f"{path}/recall", {"reason": "Sai số liệu"})).status == 303
    assert "Sai số liệu" in await (await cadre.get(path)).text()
    refused = await cadre.post(f"{path}/recall-answer", {"agree": "false"})
    assert (refused.status, "Xin ghi rõ lý do" in await refused.text()) == (422, True)
    assert (await cadre.post(f"{path}/recall-answer", {"agree": "false", "note": "Cần giữ"})).status == 303
    form = await (await leader.get(f"/directives/new?replaces={done.id}")).text()
    assert "thay thế 01/KH-UBND" in form
    assert f'name="related" value="{done.id}"' in form
    sent = {
        "kind": "Kế hoạch",
        "subject": "Bản đúng",
        "recipients": str(communes[0]),
        "relation": "replaces",
        "related": str(done.id),
        "action": "issue",
    }
    made = await leader.post("/directives/new", sent)
    assert made.status == 303
    for page in (leader, cadre):
        assert "Văn bản này đã được thay thế" in await (await page.get(path)).text()
        assert "thay thế 01/KH-UBND" in await (await page.get(made.headers["Location"])).text()
    assert "Đính chính văn bản số" in await (await leader.get(f"/directives/new?corrects={done.id}")).text()


async def test_the_page_of_a_waiver(
    page_as: PageAs, store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    done = issue(store, people["chutich"], communes[:1], deadline=clock() + timedelta(days=3))
    delivery = store.read_now(lambda tx: tx.one(sa.select(v.id).where(v.directive_id == done.id))).id
    leader = await page_as("chutich")
    assert "Miễn thực hiện" in await (await leader.get(f"/deliveries/{delivery}")).text()
    assert "Miễn thực hiện" not in await (await (await page_as("vanthu")).get(f"/deliveries/{delivery}")).text()
    empty = await leader.post(f"/deliveries/{delivery}/waive", {"reason": " "})
    assert (empty.status, "Xin ghi rõ lý do" in await empty.text()) == (422, True)
    assert (await leader.post(f"/deliveries/{delivery}/waive", {"reason": "Không có rừng"})).status == 303
    assert "Được miễn" in await (await leader.get(f"/deliveries/{delivery}")).text()


async def test_a_corrected_document_says_so_on_its_page(
    store: Store, people: dict[str, Principal], communes: list[int], page_as: PageAs
) -> None:
    old = issue(store, people["chutich"], communes)
    told = "Văn bản này đã được đính chính"
    pages = [await page_as(name) for name in ("vanthu", "camthuy")]
    for page in pages:
        assert told not in await (await page.get(f"/directives/{old.id}")).text()
    new = issue(store, people["chutich"], communes, relation=Relation.CORRECTS, related=old.id, subject="Đính chính")
    for page in pages:
        text = await (await page.get(f"/directives/{old.id}")).text()
        assert f'href="/directives/{new.id}"' in text[text.index(told) :].split("</a>")[0]
        assert told not in await (await page.get(f"/directives/{new.id}")).text()
