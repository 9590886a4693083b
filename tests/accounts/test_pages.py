"""Pages of accounts and units as people of each role get them."""

import pytest

from tests.conftest import DistrictIds, PageAs


@pytest.mark.parametrize("username", ["chutich", "camthuy", "thon1.camthuy", "quantri"])
async def test_pages_answer(page_as: PageAs, district: DistrictIds, username: str) -> None:
    page = await page_as(username)
    unit = district.unit("19606")
    for path in ("/", "/account", "/people", "/people?q=thuy&unit=1&page=1", "/units", f"/units/{unit}", "/people/1"):
        answer = await page.get(path)
        assert answer.status == 200, (path, await answer.text())
