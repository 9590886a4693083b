"""A recipient's page says who leads, who assists and who else has it; only the lead sees how the others stand."""

from __future__ import annotations

import re
from datetime import date

import pytest

from server.directives import service
from server.directives.rules import RecipientRole, State
from server.directives.shapes import Addressee, DirectiveDone, Recipient
from server.store import Store
from server.units.import_ import District, UnitEntry, import_tree
from server.units.rules import Level
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, issue

ROLES = {"19606": RecipientRole.LEAD, "19612": RecipientRole.ASSIST, "19600": RecipientRole.ASSIST}


@pytest.fixture
def made(store: Store, district: DistrictIds) -> DirectiveDone:
    """Cam Thủy leads, Cam Tuyền and Cam Thành assist, Cam Nghĩa is told."""
    recipients = [Recipient(unit=district.unit(code), role=role) for code, role in ROLES.items()]
    recipients.append(Recipient(unit=district.unit("19621"), role=RecipientRole.INFO))
    done = issue(store, district.who("chutich"), [], recipients=recipients)
    store.write_now(service.register, district.who("vanthu.camthanh"), POLICY, done.id)
    return done


def seen(store: Store, district: DistrictIds, directive: int, who: str) -> list[Addressee]:
    return store.read_now(service.open_directive, district.who(who), POLICY, directive).addressees


def test_only_the_lead_sees_how_those_who_assist_stand(
    store: Store, district: DistrictIds, made: DirectiveDone
) -> None:
    expected = [
        ("Xã Cam Thủy", "lead"),
        ("Xã Cam Thành", "assist"),
        ("Xã Cam Tuyền", "assist"),
        ("Xã Cam Nghĩa", "info"),
    ]
    for who in ("camthuy", "vanthu.camtuyen", "vanthu.camnghia"):
        found = seen(store, district, made.id, who)
        assert [(one.name, one.role) for one in found] == expected
        states = {one.name: one.state for one in found if one.state}
        mine = {"Xã Cam Tuyền": State.SENT, "Xã Cam Thành": State.REGISTERED} if who == "camthuy" else {}
        assert states == mine
    assert seen(store, district, made.id, "chutich") == [], "the issuer has the board"


def test_units_are_called_as_they_were_that_day(
    store: Store, district: DistrictIds, made: DirectiveDone, clock: Clock
) -> None:
    clock.advance(days=400)
    renamed = UnitEntry(code="19600", name="Xã Tuyền Mới", short_name="Tuyền Mới", level=Level.COMMUNE, parent="468")
    store.write_now(import_tree, District(name="x", valid_from=date(2027, 1, 1), units=[renamed]))
    assert "Xã Cam Tuyền" in {one.name for one in seen(store, district, made.id, "camthuy")}


async def test_on_the_page(made: DirectiveDone, page_as: PageAs, as_: As) -> None:
    lead = await (await (await page_as("camthuy")).get(f"/directives/{made.id}")).text()
    assert re.search(r"<dt>Đơn vị chủ trì</dt><dd>\s*Xã Cam Thủy", lead)
    assist = lead[lead.index("<dt>Đơn vị phối hợp</dt>") :].split("</dd>")[0]
    assert "Xã Cam Tuyền" in assist and "Đã tiếp nhận" in assist
    assert "Nơi nhận: 4 nơi" in lead
    other = await (await (await page_as("vanthu.camtuyen")).get(f"/directives/{made.id}")).text()
    assist = other[other.index("<dt>Đơn vị phối hợp</dt>") :].split("</dd>")[0]
    assert "Xã Cam Thành" in assist and "Đã tiếp nhận" not in assist
    program = await (await (await as_("camthuy")).get(f"/api/v1/directives/{made.id}")).json()
    assert [one["state"] for one in program["addressees"]] == [None, "REGISTERED", "SEEN", None]


async def test_many_are_folded(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    villages = [district.unit(f"19606.{number:02}") for number in range(1, 5)]
    communes = [district.unit(code) for code in ("19597", "19600", "19603", "19612", "19615", "19618", "19621")]
    recipients = [Recipient(unit=unit, role=RecipientRole.ASSIST) for unit in communes + villages]
    recipients.append(Recipient(unit=district.unit("19606"), role=RecipientRole.LEAD))
    made = issue(store, district.who("chutich"), [], recipients=recipients)
    text = await (await (await page_as("camthuy")).get(f"/directives/{made.id}")).text()
    assist = text[text.index("<dt>Đơn vị phối hợp</dt>") :].split("</dd>")[0]
    first, rest = assist.split("Xem thêm 1 đơn vị")
    assert (first.count("<li>"), rest.count("<li>")) == (10, 1)
    assert "Nơi nhận: 12 nơi" in text


async def test_a_single_recipient_is_not_listed(store: Store, district: DistrictIds, page_as: PageAs) -> None:
    made = issue(store, district.who("chutich"), [district.unit("19606")])
    text = await (await (await page_as("camthuy")).get(f"/directives/{made.id}")).text()
    assert "Nơi nhận:" not in text and "Đơn vị chủ trì" not in text
