"""Files that came with a form in which something was wrong: it comes again with them, for the same person alone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from server.directives import service
from server.directives.questions import Question, QuestionKind
from server.store import Store
from tests.conftest import Clock, DistrictIds, PageAs, PageClient
from tests.directives.files import pdf, png
from tests.directives.helpers import POLICY, issue

NUMBER = Question(kind=QuestionKind.NUMBER, label="Số hộ", required=True)
MAP = Question(kind=QuestionKind.FILE, label="Bản đồ", required=True)
FILES = {"files": ("bao-cao.pdf", pdf()), "q2": ("ngap.png", png())}


@pytest.fixture
async def work(store: Store, district: DistrictIds) -> str:
    """A directive that asks Cam Thủy for a number and a file, registered; gives its address."""
    cadre = district.who("camthuy")
    made = issue(store, district.who("chutich"), [cadre.unit_id], questions=[NUMBER, MAP]).id
    store.write_now(service.register, cadre, POLICY, made)
    return f"/directives/{made}"


async def send(page: PageClient, path: str, fields: dict[str, str], *files: tuple[str, str, bytes]) -> Any:
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in {"csrf": page.csrf, **fields}.items():
        data.add_field(name, value)
    for field, name, content in files:
        data.add_field(field, content, filename=name, content_type="application/octet-stream")
    return await page._request("POST", path, data=data)


def words(text: str) -> dict[str, str]:
    """What the form holds, as it would send it back: every box is ticked."""
    boxes = re.findall(r'<input type="checkbox" name="(\w+_held)" value="([^"]+)" checked>', text)
    assert len(dict(boxes)) == len(boxes)
    return dict(boxes)


def sent_files(store: Store, district: DistrictIds, path: str) -> list[tuple[str, int | None]]:
    opened = store.read_now(service.open_directive, district.who("camthuy"), POLICY, int(path.rpartition("/")[2]))
    assert opened.delivery is not None
    return [(file.name, file.question) for file in opened.delivery.responses[0].attachments]


async def test_a_wrong_number_costs_no_file(store: Store, district: DistrictIds, page_as: PageAs, work: str) -> None:
    page = await page_as("camthuy")
    files = [(field, name, content) for field, (name, content) in FILES.items()]
    again = await send(page, f"{work}/report", {"q1": "một nghìn"}, *files)
    text = await again.text()
    assert again.status == 422 and "sẽ được gửi khi bấm lại" in text
    held = words(text)
    assert set(held) == {"files_held", "q2_held"}
    assert "bao-cao.pdf" in text and "ngap.png" in text
    done = await send(page, f"{work}/report", {"q1": "1000", **held})
    assert done.status == 303, await done.text()
    assert sent_files(store, district, work) == [("bao-cao.pdf", None), ("ngap.png", 2)]


async def test_one_wrong_file_costs_no_other(store: Store, district: DistrictIds, page_as: PageAs, work: str) -> None:
    page, fields = await page_as("camthuy"), {"q1": "1000"}
    wrong, right = ("files", "gia.pdf", b"<html>"), ("files", "that.pdf", pdf())
    again = await send(page, f"{work}/report", fields, wrong, right, ("q2", "ngap.png", png()))
    text = await again.text()
    assert again.status == 422 and "gia.pdf" in text and 'href="#f-files"' in text
    held = words(text)
    assert set(held) == {"files_held", "q2_held"}
    more = [("q2", "gia.png", b"<html>"), ("files", "them.pdf", pdf("y"))]
    again = await send(page, f"{work}/report", fields | {"files_held": held["files_held"]}, *more)
    text = await again.text()
    assert again.status == 422 and 'href="#f-q2"' in text
    assert len(re.findall(r'name="files_held" value="[^"]+" checked', text)) == 2 and "q2_held" not in text


async def test_what_is_unticked_does_not_go_along(
    store: Store, district: DistrictIds, page_as: PageAs, work: str
) -> None:
    page = await page_as("camthuy")
    files = [(field, name, content) for field, (name, content) in FILES.items()]
    held = words(await (await send(page, f"{work}/report", {}, *files)).text())
    done = await send(page, f"{work}/report", {"q1": "1", "q2_held": held["q2_held"]})
    assert done.status == 303
    assert sent_files(store, district, work) == [("ngap.png", 2)]


async def test_it_is_good_for_the_same_person_and_the_same_day(page_as: PageAs, work: str, clock: Clock) -> None:
    page = await page_as("camthuy")
    files = [(field, name, content) for field, (name, content) in FILES.items()]
    held = words(await (await send(page, f"{work}/report", {}, *files)).text())
    other = await page_as("chutich.camthuy")
    theirs = await send(other, f"{work}/report", held)
    assert theirs.status in (403, 422) and not words(await theirs.text())
    bent = {name: word[:-2] + ("AA" if word[-2:] != "AA" else "BB") for name, word in held.items()}
    assert not words(await (await send(page, f"{work}/report", bent)).text())
    clock.advance(hours=11)
    assert words(await (await send(page, f"{work}/report", held)).text())
    clock.advance(hours=2)
    assert not words(await (await send(await page_as("camthuy"), f"{work}/report", held)).text())


async def test_a_draft_that_is_refused_keeps_its_files(page_as: PageAs, clock: Clock) -> None:
    page = await page_as("vanthu")
    deadline = (clock() + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M")
    fields = {"kind": "Công văn", "subject": "Kế hoạch (TUYỆT MẬT)", "deadline": deadline, "action": "save"}
    again = await send(page, "/directives/new", fields, ("files", "ke-hoach.pdf", pdf()))
    held = words(await again.text())
    assert again.status == 422 and set(held) == {"files_held"}
    done = await send(page, "/directives/new", fields | held | {"subject": "Kế hoạch thủy lợi"})
    assert done.status == 303
    text = await (await page.get(f"{done.headers['Location']}/edit")).text()
    assert "ke-hoach.pdf" in text and not words(text)
