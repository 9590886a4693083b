"""An exercise is marked wherever it appears, has registers of its own, and counts in no figure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import msgspec
import pytest
from aiohttp import web
from openpyxl import load_workbook
from pypdf import PdfReader

from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import Urgency
from server.directives.keys import FILES
from server.directives.questions import Answer, Question, QuestionKind
from server.directives.rules import Relation
from server.directives.service.problems import DraftError
from server.directives.shapes import ReportInput, Upload
from server.directives.shapes.registers import RegisterQuery
from server.directives.wall import read_wall
from server.reach.notice import Notice
from server.reach.rules import Channel
from server.store import Store
from server.store.events import StoredEvent
from tests.conftest import As, Clock, DistrictIds, PageAs, PageClient
from tests.directives.files import printed
from tests.directives.helpers import POLICY, draft, issue
from tests.reach.helpers import POLICY as REACHING
from tests.reach.helpers import messages, reach

WEDNESDAY = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 08:00 in Vietnam
MARK = "DIỄN TẬP"


@pytest.fixture(autouse=True)
def on_a_working_day(clock: Clock) -> None:
    clock.set(WEDNESDAY)


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "vanthu.camthuy", "chutich.camthuy", "thon1.camthuy")
    return {name: district.who(name) for name in names}


def register_of(store: Store, who: Principal, register: str, exercise: bool) -> list[tuple[int, str]]:
    query = msgspec.convert({"register": register, "exercise": exercise}, RegisterQuery)
    found = store.read_now(service.register_page, who, POLICY, query)
    assert (found.exercise, found.total) == (exercise, len(found.lines))
    assert all(line.exercise is exercise for line in found.lines)
    return [(line.entry, line.number_text) for line in found.lines]


def test_real_documents_keep_numbers_without_gaps(store: Store, people: dict[str, Principal]) -> None:
    leader, clerk = people["chutich"], people["vanthu.camthuy"]
    marks = (False, True, True, False)
    made = [issue(store, leader, [clerk.unit_id], exercise=mark) for mark in marks]
    assert [one.number_text for one in made] == ["01/KH-UBND", "DT-01/KH-UBND", "DT-02/KH-UBND", "02/KH-UBND"]
    came = [store.write_now(service.register, clerk, POLICY, one.id).registry_number for one in made]
    assert came == [1, 1, 2, 2]
    assert register_of(store, leader, "out", False) == [(2, "02/KH-UBND"), (1, "01/KH-UBND")]
    assert register_of(store, leader, "out", True) == [(2, "DT-02/KH-UBND"), (1, "DT-01/KH-UBND")]
    assert register_of(store, clerk, "in", False) == [(2, "02/KH-UBND"), (1, "01/KH-UBND")]
    assert register_of(store, clerk, "in", True) == [(2, "DT-02/KH-UBND"), (1, "DT-01/KH-UBND")]


def test_an_exercise_counts_in_no_figure(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    leader, clerk = people["chutich"], people["vanthu.camthuy"]
    drill = issue(store, leader, [clerk.unit_id], exercise=True, subject="Diễn tập lũ")
    store.write_now(service.register, clerk, POLICY, drill.id)
    never_registered = issue(store, leader, [clerk.unit_id], exercise=True, subject="Diễn tập bão")
    clock.advance(days=1)
    real = issue(store, leader, [clerk.unit_id], subject="Bão thật")
    store.write_now(service.register, clerk, POLICY, real.id)
    day = store.read_now(service.unit_day, clerk, POLICY)
    assert (day.own.late + day.own.today + day.own.week + day.own.later, len(day.people)) == (1, 1)
    clock.advance(days=10)
    late = store.read_now(service.late, leader, POLICY, 5)
    assert late.by_unit == {clerk.unit_id: 1}
    shown = [(line.directive, line.exercise) for line in late.lines]
    assert shown == [(real.id, False), (never_registered.id, True), (drill.id, True)]  # the real one first, though last
    assert (late.more, store.read_now(service.late, leader, POLICY, 1).more) == (0, 2)
    wall = store.read_now(read_wall, leader, POLICY, [])
    assert sum(unit.late for unit in wall.units) == 1
    assert [line.late for line in store.read_now(service.unit_day, leader, POLICY).below] == [1]


def test_the_check_before_the_click_compares_like_with_like(store: Store, people: dict[str, Principal]) -> None:
    leader, units = people["chutich"], [people["vanthu.camthuy"].unit_id]
    deadline = store.clock() + timedelta(days=5)
    for _each in range(POLICY.file.most_due_a_day):
        issue(store, leader, units, exercise=True, deadline=deadline)
    real = store.read_now(service.check_before_issue, leader, POLICY, draft(units, deadline=deadline))
    assert (real.duplicates, real.loads) == ([], [])
    again = store.read_now(service.check_before_issue, leader, POLICY, draft(units, deadline=deadline, exercise=True))
    assert len(again.duplicates) > 0 and again.loads == []


@pytest.mark.parametrize("relation", [Relation.REPLACES, Relation.CORRECTS])
@pytest.mark.parametrize("exercise", [True, False])
def test_exercises_and_real_documents_are_not_tied(
    store: Store, people: dict[str, Principal], relation: Relation, exercise: bool
) -> None:
    leader, units = people["chutich"], [people["vanthu.camthuy"].unit_id]
    old = issue(store, leader, units, exercise=exercise)
    with pytest.raises(DraftError) as refused:
        issue(store, leader, units, relation=relation, related=old.id, exercise=not exercise)
    assert [problem.code for problem in refused.value.problems] == ["exercise_apart"]
    issue(store, leader, units, relation=relation, related=old.id, exercise=exercise)


def test_a_forwarded_exercise_stays_one(store: Store, people: dict[str, Principal]) -> None:
    leader, commune, village = people["chutich"], people["chutich.camthuy"], people["thon1.camthuy"]
    drill = issue(store, leader, [commune.unit_id], exercise=True)
    store.write_now(service.register, people["vanthu.camthuy"], POLICY, drill.id)
    on = {"relation": Relation.FORWARDS, "related": drill.id}
    with pytest.raises(DraftError, match="exercise_apart"):
        issue(store, commune, [village.unit_id], **on)
    child = issue(store, commune, [village.unit_id], exercise=True, **on)
    assert store.read_now(service.open_directive, village, POLICY, child.id).directive.exercise


def test_messages_events_and_alarms_are_marked(store: Store, people: dict[str, Principal], clock: Clock) -> None:
    leader, clerk = people["chutich"], people["vanthu.camthuy"]
    reach(store, clerk, Channel.MAIL, Channel.SMS)
    reach(store, people["chutich.camthuy"], Channel.MAIL)
    heard: list[StoredEvent] = []
    store.listeners.append(lambda events, _notes: heard.extend(events))
    made = draft([clerk.unit_id], deadline=store.clock() + timedelta(hours=6), urgency=Urgency.FLASH, exercise=True)
    store.write_now(service.create_and_issue, leader, REACHING, made)
    clock.advance(minutes=30)
    while store.write_now(service.sweep, REACHING):
        pass
    found = [msgspec.json.decode(row.notice, type=Notice) for row in messages(store)]
    assert {one.kind.value for one in found} == {"issued", "escalation"} and all(one.exercise for one in found)
    bodies = [(one.kind, msgspec.json.decode(one.body)) for one in heard]
    told = {kind: body["exercise"] for kind, body in bodies if "subject" in body}
    assert told == {"directive.issued": True, "delivery.escalated": True}
    lines = store.read_now(service.my_alarms, people["chutich.camthuy"], REACHING)
    assert lines and all(line.exercise for line in lines)


async def text_of(page: PageClient, path: str) -> str:
    """A page without the words that its scripts may need."""
    answer = await page.get(path)
    assert answer.status == 200, path
    return re.sub('<template id="words".*?>', "", await answer.text(), flags=re.DOTALL)


async def test_files_are_marked(store: Store, people: dict[str, Principal], page_as: PageAs) -> None:
    leader, clerk = people["chutich"], people["vanthu.camthuy"]
    real = issue(store, leader, [clerk.unit_id], subject="Bão thật")
    drill = issue(store, leader, [clerk.unit_id], subject="Lũ về", exercise=True)
    for one in (real, drill):
        store.write_now(service.register, clerk, POLICY, one.id)
    for page, register in ((await page_as("vanthu"), "out"), (await page_as("vanthu.camthuy"), "in")):
        address = f"?register={register}&exercise=true"
        excel = await (await page.get(f"/registers/export{address}")).read()
        rows = [" ".join(str(cell or "") for cell in row) for row in load_workbook(BytesIO(excel)).active.values]
        assert len(rows) == 3 and MARK in rows[0] and "[DIỄN TẬP] Lũ về" in rows[2]
        pdf = PdfReader(BytesIO(await (await page.get(f"/registers/print{address}")).read()))
        text = pdf.pages[0].extract_text()
        assert text.count("TẬP") == 2 and "DT-01/KH-UBND" in text.replace("\n", "") and "Bão thật" not in text
        plain = PdfReader(BytesIO(await (await page.get(f"/registers/print?register={register}")).read()))
        assert "TẬP" not in plain.pages[0].extract_text()


async def test_every_page_of_the_print_says_so(store: Store, people: dict[str, Principal], page_as: PageAs) -> None:
    leader, to = people["chutich"], [people["vanthu.camthuy"].unit_id]
    body = "\n\n".join(["Đoạn văn dài về việc sơ tán dân. " * 12] * 40)
    real, drill = (issue(store, leader, to, body=body, exercise=exercise).id for exercise in (False, True))
    page = await page_as("chutich")
    for directive, number, marked in ((real, "01/KH-UBND", False), (drill, "DT-01/KH-UBND", True)):
        content = await (await page.get(f"/directives/{directive}/print")).read()
        texts = [" ".join(one.extract_text().split()) for one in PdfReader(BytesIO(content)).pages]
        assert len(texts) > 2
        assert [(number in text, MARK in text) for text in texts] == [(True, marked)] * len(texts)


async def test_every_sheet_of_the_answers_says_so(store: Store, people: dict[str, Principal], page_as: PageAs) -> None:
    asked = [
        Question(kind=QuestionKind.NUMBER, label="Số hộ", unit="hộ"),
        Question(kind=QuestionKind.TABLE, label="Danh sách hộ", parts=["Tên", "Số người"]),
    ]
    clerk = people["vanthu.camthuy"]
    made = issue(store, people["chutich"], [clerk.unit_id], questions=asked, exercise=True).id
    store.write_now(service.register, clerk, POLICY, made)
    given = [Answer(question=1, number=3), Answer(question=2, rows=[["Ông A", "4"]])]
    store.write_now(service.report, clerk, POLICY, made, ReportInput(answers=given))
    content = await (await (await page_as("chutich")).get(f"/directives/{made}/answers")).read()
    book = load_workbook(BytesIO(content))
    assert len(book.worksheets) == 2
    for sheet in book.worksheets:
        assert str(sheet["A1"].value).startswith("[DIỄN TẬP] DT-01/KH-UBND")
        assert sheet.print_title_rows == f"$1:${int(str(sheet.freeze_panes)[1:]) - 1}"  # on each page when printed
    assert [row[0] for row in book.worksheets[1].values] == [
        book.worksheets[0]["A1"].value,
        "Danh sách hộ",
        "Đơn vị",
        "Xã Cam Thủy",
    ]


async def test_pictures_of_an_attached_file_say_so(
    store: Store, people: dict[str, Principal], page_as: PageAs, app: web.Application
) -> None:
    content = printed("Một", "Hai")
    stored = app[FILES].put(BytesIO(content), 1 << 20)
    file = Upload(name="a.pdf", content_type="application/pdf", size=stored.size, sha256=stored.sha256)
    for exercise in (False, True):
        made = draft([people["vanthu.camthuy"].unit_id], deadline=WEDNESDAY + timedelta(days=7), exercise=exercise)
        store.write_now(service.create_and_issue, people["chutich"], POLICY, made, [file])
    page = await page_as("vanthu.camthuy")
    real, drill = [await text_of(page, f"/directives/attachments/{n}/pages") for n in (1, 2)]
    assert MARK not in real
    title = drill.partition("<title>")[2].partition("</title>")[0]
    assert title.startswith("DIỄN TẬP · a.pdf") and "ĐÂY LÀ DIỄN TẬP" in drill
    assert drill.partition("<main")[2].count("page-picture") == drill.count('class="chip chip-exercise"') == 2


async def test_every_page_says_so(store: Store, people: dict[str, Principal], page_as: PageAs, clock: Clock) -> None:
    leader, clerk = await page_as("chutich"), await page_as("vanthu.camthuy")
    head, to_village = await page_as("thon1.camthuy"), [people["thon1.camthuy"].unit_id]
    commune = str(people["vanthu.camthuy"].unit_id)
    new = await text_of(leader, "/directives/new")
    assert 'name="exercise" value="true"' in new
    form: dict[str, Any] = {"kind": "Kế hoạch", "subject": "Lũ về", "recipients": commune, "exercise": "true"}
    saved = await leader.post("/directives/new", form)
    place = saved.headers["Location"]
    number = int(place.rpartition("/")[2])
    assert MARK in await text_of(leader, place)
    assert 'value="true" checked' in await text_of(leader, f"{place}/edit")
    assert MARK in await text_of(leader, "/directives/out")
    store.write_now(service.issue, people["chutich"], POLICY, number)
    village_drill = issue(store, people["chutich"], to_village, exercise=True).id
    delivery = store.read_now(service.open_directive, people["chutich"], POLICY, number).board[0].id
    for page, paths in (
        (head, ("/", "/directives/in", f"/directives/{village_drill}")),
        (clerk, ("/", "/directives/in", place)),
        (leader, ("/", "/directives/out", place, f"/deliveries/{delivery}")),
    ):
        for path in paths:
            assert MARK in await text_of(page, path), path
    assert 'value="true" checked' in await text_of(leader, f"/directives/new?corrects={number}")
    clock.advance(days=3)
    leader = await page_as("chutich")  # who was signed out meanwhile
    store.write_now(service.sweep, POLICY)
    assert MARK in await text_of(leader, "/wall")
    assert MARK in await text_of(leader, "/registers?register=out&exercise=true")
    plain = await text_of(leader, "/registers?register=out")
    assert "Lũ về" not in plain


async def test_over_the_api(as_: As, people: dict[str, Principal]) -> None:
    leader, clerk = await as_("chutich"), await as_("vanthu.camthuy")
    body = msgspec.to_builtins(draft([people["vanthu.camthuy"].unit_id], exercise=True))
    made = await (await leader.post("/api/v1/directives", body)).json()
    issued = await (await leader.post(f"/api/v1/directives/{made['id']}/issue")).json()
    assert issued["number_text"] == "DT-01/KH-UBND"
    inbox = await (await clerk.get("/api/v1/deliveries")).json()
    assert [line["exercise"] for line in inbox["deliveries"]] == [True]
    register = await (await leader.get("/api/v1/registers?exercise=true")).json()
    assert (register["exercise"], register["total"]) == (True, 1)
    assert (await (await leader.get("/api/v1/registers")).json())["total"] == 0
