"""Pages of accounts, people, units and home, as people of each role get them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from server.accounts.rules import local_path
from tests.conftest import PASSWORD, As, DistrictIds, PageAs

HTML = {"Accept": "text/html"}
Client = TestClient[Any, Any]


@pytest.mark.parametrize("username", ["chutich", "camthuy", "thon1.camthuy", "quantri"])
async def test_pages_answer(page_as: PageAs, district: DistrictIds, username: str) -> None:
    page = await page_as(username)
    unit = district.unit("19606")
    for path in ("/", "/account", "/people", "/people?q=thuy&unit=1&page=1", "/units", f"/units/{unit}", "/people/1"):
        answer = await page.get(path)
        assert answer.status == 200, (path, await answer.text())


async def test_home_leads_the_stranger_to_signing_in(browser: Client) -> None:
    answer = await browser.get("/")  # as a program without Accept, redirects followed
    assert answer.status == 200
    assert answer.url.path == "/sign-in"
    assert 'name="password"' in await answer.text()


async def test_signing_in_by_form_and_out_again(browser: Client) -> None:
    form = {"username": "vanthu", "password": PASSWORD, "next": "/people?q=a"}
    answer = await browser.post("/sign-in", data=form, headers=HTML, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/people?q=a")
    page = await (await browser.get("/account", headers=HTML)).text()
    assert (await browser.get("/sign-in", headers=HTML, allow_redirects=False)).status == 303
    csrf = re.search(r'data-csrf="(\w+)"', page)
    assert csrf
    assert (await browser.post("/sign-out", headers=HTML, allow_redirects=False)).status == 403
    out = await browser.post("/sign-out", data={"csrf": csrf[1]}, headers=HTML, allow_redirects=False)
    assert out.headers["Location"] == "/sign-in"
    assert (await browser.get("/account", headers=HTML, allow_redirects=False)).status == 303


async def test_after_signing_in_one_is_where_one_wanted_to_be(browser: Client) -> None:
    wanted = "/people?q=c%E1%BA%A3nh&unit=3"
    asked = await browser.get(wanted, headers=HTML)
    assert asked.url.path == "/sign-in"
    target = re.search(r'action="/sign-in".*?name="next" value="([^"]*)"', await asked.text(), re.DOTALL)
    assert target
    form = {"username": "vanthu", "password": PASSWORD, "next": target[1].replace("&amp;", "&")}
    answer = await browser.post("/sign-in", data=form, headers=HTML, allow_redirects=False)
    assert answer.headers["Location"] == wanted


async def test_a_mistake_keeps_what_was_typed(app_client: Client) -> None:
    form = {"username": '"><script>alert(1)</script>', "password": "x", "next": "/units"}
    answer = await app_client.post("/sign-in", data=form, headers=HTML)
    text = await answer.text()
    assert answer.status == 401
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    assert 'value="/units"' in text


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil.example",
        "/a\nb",
        "",
    ],
)
async def test_nobody_is_sent_elsewhere(app_client: Client, target: str) -> None:
    assert local_path(target) == "/"
    form = {"username": "vanthu", "password": PASSWORD, "next": target}
    answer = await app_client.post("/sign-in", data=form, headers=HTML, allow_redirects=False)
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("target", ["/", "/directives?page=2", "/units/7#x", "/họp/é"])
def test_our_own_paths_are_kept(target: str) -> None:
    assert local_path(target) == target


async def test_the_language_is_remembered(page_as: PageAs) -> None:
    page = await page_as("vanthu")
    assert 'lang="vi"' in await (await page.get("/account")).text()
    answer = await page.post("/language", {"language": "en", "next": "/account"})
    assert answer.headers["Location"] == "/account"
    assert answer.cookies["language"].value == "en"
    assert 'lang="en"' in await (await page.get("/account")).text()  # by the account, on a browser without the cookie
    assert "language" not in (await page.post("/language", {"language": "xx"})).cookies


async def test_switching_the_role(page_as: PageAs) -> None:
    page = await page_as("bithu")
    other = page.who.memberships[1]
    answer = await page.post("/membership", {"membership": str(other.id), "next": "//evil.example"})
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert f">{other.unit_name}</span>" in await (await page.get("/")).text()


async def test_changing_the_password(page_as: PageAs, app_client: Client) -> None:
    here, there = await page_as("vanthu"), await page_as("vanthu")
    for form, status in (
        ({"current": "wrong", "new": "một câu dễ nhớ"}, 422),
        ({"current": PASSWORD, "new": "short"}, 422),
        ({"current": PASSWORD, "new": "aaaaaaaaaa"}, 422),
        ({"current": PASSWORD, "new": "x" * 10_000}, 422),
    ):
        assert (await here.post("/account/password", form)).status == status, form
    good = await here.post("/account/password", {"current": PASSWORD, "new": "một câu dễ nhớ"})
    assert good.headers["Location"] == "/account?done=password"
    assert (await here.get("/account")).status == 200
    assert (await there.get("/account")).status == 303
    for password, status in ((PASSWORD, 401), ("một câu dễ nhớ", 201)):
        answer = await app_client.post("/api/v1/session", json={"username": "vanthu", "password": password})
        assert answer.status == status


async def test_signing_other_devices_out(page_as: PageAs) -> None:
    here, there, third = await page_as("vanthu"), await page_as("vanthu"), await page_as("vanthu")
    ids = re.findall(r"/account/sessions/([\w-]+)/end", await (await here.get("/account")).text())
    assert len(ids) == 3  # two others and the button for all others
    assert (await here.post("/account/sessions/others/end")).status == 303
    assert [(await page.get("/account")).status for page in (here, there, third)] == [200, 303, 303]


async def test_an_administrator_adds_somebody(page_as: PageAs, app_client: Client, district: DistrictIds) -> None:
    admin = await page_as("quantri")
    form = {"username": "hang.camthuy", "name": "Lê Thị Hằng", "unit_id": str(district.unit("19606")), "role": "cadre"}
    shown = await (await admin.post("/people/new", form)).text()
    password = re.search(r"<code>([a-z2-9-]{14})</code>", shown)
    assert password
    answer = await app_client.post("/api/v1/session", json={"username": "hang.camthuy", "password": password[1]})
    assert answer.status == 201
    again = await admin.post("/people/new", form)
    assert again.status == 409
    assert 'value="Lê Thị Hằng"' in await again.text()


async def test_a_new_account_without_anything_names_all_that_is_missing(page_as: PageAs) -> None:
    answer = await (await page_as("quantri")).post("/people/new", {"role": "cadre"})
    text = await answer.text()
    assert answer.status == 422
    for missing in ("Xin ghi họ và tên.", "Xin ghi tên đăng nhập.", "Xin chọn đơn vị."):
        assert text.count(missing) == 2, "in the summary and beside its field"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("<script>alert('x')</script>", 200),
        ("Nguyễn &amp; Trần", 200),
        ("Nguyễn \u202e nÃv", 422),
        ("Nguyễn\u200bVăn", 422),
        ("A\x00B", 422),
        ("x" * 10_000, 422),
        ("   ", 422),
    ],
)
async def test_strange_names_are_escaped_or_refused(
    page_as: PageAs, district: DistrictIds, name: str, status: int
) -> None:
    admin = await page_as("quantri")
    form = {"username": "la", "name": name, "unit_id": str(district.unit("468")), "role": "clerk"}
    answer = await admin.post("/people/new", form)
    assert answer.status == status
    listed = await (await admin.get("/people?q=alert")).text()
    assert "<script>alert" not in await answer.text() + listed


async def test_roles_are_given_and_ended(page_as: PageAs, district: DistrictIds) -> None:
    admin, who = await page_as("quantri"), district.who("vanthu")
    form = {"unit_id": str(district.unit("468.HU")), "role": "clerk", "position": "Văn thư Huyện ủy"}
    path = f"/people/{who.account_id}"
    assert (await admin.post(f"{path}/memberships", form)).status == 303
    assert (await admin.post(f"{path}/memberships", form)).status == 409
    assert len(district.who("vanthu").memberships) == 2
    ended = district.who("vanthu").memberships[1].id
    assert (await admin.post(f"{path}/memberships/{ended}/end")).status == 303
    assert (await admin.post(f"{path}/memberships/{ended}/end")).status == 404
    assert len(district.who("vanthu").memberships) == 1
    own = admin.who.acting.id
    assert (await admin.post(f"/people/{admin.who.account_id}/memberships/{own}/end")).status == 409
    assert (await admin.post(f"/people/{admin.who.account_id}/lock")).status == 409


async def test_usernames_are_for_administrators(page_as: PageAs, district: DistrictIds) -> None:
    target = district.who("camthuy").account_id
    leader, admin = await page_as("chutich"), await page_as("quantri")
    assert ">camthuy<" not in await (await leader.get(f"/people/{target}")).text()
    assert ">camthuy<" in await (await admin.get(f"/people/{target}")).text()


async def test_people_are_found_with_and_without_marks(as_: As) -> None:
    client = await as_("camthuy")

    async def units_of(words: str) -> set[str]:
        found = (await (await client.get("/api/v1/people", params={"q": words})).json())["people"]
        assert "username" not in found[0]
        return {held["unit_name"] for person in found for held in person["held"] if "Xã" in held["unit_name"]}

    assert await units_of("cam thanh chủ tịch") == {"Xã Cam Thành"}
    assert await units_of("chu tich thanh") == {"Xã Cam Thành", "Xã Thanh An"}
    assert await units_of("chủ tịch thành") == {"Xã Cam Thành"}
