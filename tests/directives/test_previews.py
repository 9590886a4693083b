"""Pages of attached PDFs as pictures: drawn once, for those who may read the document, whatever the file holds."""

from __future__ import annotations

import asyncio
import re
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image

from server.directives import previews, service
from server.directives.keys import FILES
from server.directives.previews import Previews, Size
from server.directives.shapes import ReportInput, Upload
from server.store import Store
from server.store.files import FileStore
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.files import office, pdf, printed
from tests.directives.helpers import POLICY, WEEK, draft, issue

ENCRYPTED = printed("x").replace(b"/Root", b"/Encrypt << /Filter /Standard /V 9 /R 9 /O (a) /U (b) /P 0 >> /Root")


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def made(tmp_path: Path, files: FileStore) -> Previews:
    return Previews(tmp_path / "previews", files)


def put(files: FileStore, content: bytes) -> str:
    return files.put(BytesIO(content), 1 << 20).sha256


async def test_a_page_is_drawn_once(files: FileStore, made: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = put(files, printed("Trang 1", "Trang 2"))
    assert await made.pages(digest) == 2
    asked = [made.picture(digest, 2, Size.LARGE) for _ in range(3)]
    paths = await asyncio.gather(*asked)
    assert paths[0] is not None and len(set(paths)) == 1
    with Image.open(paths[0]) as picture:
        assert (picture.format, picture.size) == ("WEBP", (1000, 1415))
        low, high = picture.convert("L").getextrema()
        assert low < 100 and high > 250, "ink on paper"
    monkeypatch.setattr(made, "_make", None)  # nothing is drawn again
    assert await made.picture(digest, 2, Size.LARGE) == paths[0]
    assert (await made.picture(digest, 3, Size.LARGE), await made.picture(digest, 0, Size.LARGE)) == (None, None)


@pytest.mark.parametrize("content", [b"%PDF-1.4 nothing", pdf()[:60], ENCRYPTED], ids=["nothing", "cut", "encrypted"])
async def test_what_cannot_be_drawn_is_tried_once(
    files: FileStore, made: Previews, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    digest = put(files, content)
    assert (await made.pages(digest), await made.picture(digest, 1, Size.SMALL)) == (0, None)
    monkeypatch.setattr(made, "_make", None)
    assert await made.pages(digest) == 0


async def test_a_page_as_long_as_a_road_is_bounded(files: FileStore, made: Previews) -> None:
    digest = put(files, pdf().replace(b"[0 0 10 10]", b"[0 0 1 9999]"))
    path = await made.picture(digest, 1, Size.LARGE)
    assert path is not None
    with Image.open(path) as picture:
        assert picture.height <= 4 * 1000 and picture.width <= 1000


async def test_the_oldest_pictures_make_room(files: FileStore, made: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = put(files, printed("1", "2"))
    first = await made.picture(digest, 1, Size.SMALL)
    assert first is not None
    monkeypatch.setattr(previews, "KEPT_BYTES", first.stat().st_size + 1)
    second = await made.picture(digest, 2, Size.SMALL)
    assert second is not None and second.exists() and not first.exists()


def crumbs(text: str) -> list[str]:
    """Where the way back leads, step by step."""
    return re.findall(r'<a href="([^"]+)"', text.split('class="crumbs"')[1].split("</ol>")[0])


async def test_the_file_of_an_answer_leads_back_to_it(
    page_as: PageAs, store: Store, district: DistrictIds, app: web.Application
) -> None:
    clerk = district.who("vanthu.camthuy")
    directive = issue(store, district.who("chutich"), [clerk.unit_id]).id
    store.write_now(service.register, clerk, POLICY, directive)
    file = Upload(name="a.pdf", content_type="application/pdf", size=1, sha256=put(app[FILES], printed("Một")))
    sent = store.write_now(service.report, clerk, POLICY, directive, ReportInput(text="Xong."), [file])
    for name, way in (
        ("chutich", ["/directives/out", f"/directives/{directive}", f"/deliveries/{sent.id}"]),
        ("camthuy", ["/directives/in", f"/directives/{directive}"]),
    ):
        text = await (await (await page_as(name)).get("/directives/attachments/1/pages")).text()
        assert crumbs(text) == way


async def test_a_draft_without_a_number_is_called_by_its_subject(
    page_as: PageAs, store: Store, district: DistrictIds, app: web.Application
) -> None:
    clerk = district.who("vanthu")
    file = Upload(name="a.pdf", content_type="application/pdf", size=1, sha256=put(app[FILES], printed("Một")))
    made = draft([district.unit("19606")], subject="Tiêm phòng")
    store.write_now(service.create_draft, clerk, POLICY, made, [file])
    text = await (await (await page_as("vanthu")).get("/directives/attachments/1/pages")).text()
    assert crumbs(text) == ["/directives/out", "/directives/1"] and ">Tiêm phòng</a>" in text


async def test_who_may_look(
    as_: As, page_as: PageAs, store: Store, district: DistrictIds, app: web.Application, clock: Clock
) -> None:
    names = {"Kế hoạch.pdf": printed("Một", "Hai"), "bieu-mau.docx": office()}
    kinds = {"Kế hoạch.pdf": "application/pdf"}
    uploads = [
        Upload(name=name, content_type=kinds.get(name, "x"), size=len(content), sha256=put(app[FILES], content))
        for name, content in names.items()
    ]
    who = district.who("chutich")
    made = draft([district.unit("19606")], deadline=clock() + WEEK)
    done = store.write_now(service.create_and_issue, who, POLICY, made, uploads)
    commune, other = await page_as("camthuy"), await page_as("camhieu")
    text = await (await commune.get(f"/directives/{done.id}")).text()
    api = await (await as_("camthuy")).get(f"/api/v1/directives/{done.id}")
    first, second = (one["id"] for one in (await api.json())["directive"]["attachments"])
    assert f"/directives/attachments/{first}/pages" in text and f"/directives/attachments/{second}/pages" not in text
    text = await (await commune.get(f"/directives/attachments/{first}/pages")).text()
    assert "2 trang" in text and f'src="/directives/attachments/{first}/pages/2"' in text
    assert crumbs(text) == ["/directives/in", f"/directives/{done.id}"]
    issuer = await page_as("chutich")
    text = await (await issuer.get(f"/directives/attachments/{first}/pages")).text()
    assert crumbs(text) == ["/directives/out", f"/directives/{done.id}"]
    picture = await commune.get(f"/directives/attachments/{first}/pages/1?small=true")
    assert (picture.status, picture.content_type) == (200, "image/webp")
    assert "no-store" in picture.headers["Cache-Control"], "it may be recalled, and then no copy is left"
    for path, status in ((f"{first}/pages/3", 404), (f"{second}/pages/1", 404), (f"{second}/pages", 404)):
        assert (await commune.get(f"/directives/attachments/{path}")).status == status
    assert (await other.get(f"/directives/attachments/{first}/pages/1")).status == 404
