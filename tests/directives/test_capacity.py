"""In which capacity a document is signed: the usual one, another one, and where it is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from server.accounts.principal import Principal
from server.directives import service
from server.directives.capacity import Capacity, authority, head_of, usual
from server.directives.edxml.message import Document
from server.directives.edxml.reading import read_message
from server.directives.register_columns import values
from server.directives.shapes import Directive, IssueInput, ScheduleInput
from server.directives.shapes.registers import RegisterQuery
from server.store import Store
from server.units.rules import Bloc
from tests.conftest import As, Clock, DistrictIds, PageAs
from tests.directives.helpers import POLICY, WEEK, draft, issue

DISTRICT, COMMUNE = "Ủy ban nhân dân huyện Cam Lộ", "Xã Cam Thủy"


@pytest.mark.parametrize(
    ("bloc", "organ", "position", "line"),
    [
        (Bloc.GOVERNMENT, DISTRICT, "Chủ tịch UBND huyện", "TM. ỦY BAN NHÂN DÂN HUYỆN CAM LỘ"),
        (Bloc.GOVERNMENT, COMMUNE, "Chủ tịch UBND", "TM. ỦY BAN NHÂN DÂN XÃ CAM THỦY"),
        (Bloc.GOVERNMENT, DISTRICT, "Phó Chủ tịch UBND huyện", "KT. CHỦ TỊCH"),
        (Bloc.GOVERNMENT, DISTRICT, "Chánh Văn phòng", "TL. CHỦ TỊCH"),
        (Bloc.GOVERNMENT, DISTRICT, "Phó Chánh Văn phòng", "TL. CHỦ TỊCH"),
        (Bloc.GOVERNMENT, DISTRICT, "Quyền Chủ tịch UBND huyện", "Q. CHỦ TỊCH"),
        (Bloc.GOVERNMENT, DISTRICT, "", "TM. ỦY BAN NHÂN DÂN HUYỆN CAM LỘ"),
        (Bloc.PARTY, "Huyện ủy Cam Lộ", "Phó Bí thư", "T/M HUYỆN ỦY CAM LỘ"),
        (Bloc.PARTY, "Huyện ủy Cam Lộ", "Chánh Văn phòng Huyện ủy", "T/L BAN THƯỜNG VỤ"),
        (Bloc.CENTRAL_AGENCY, "Bưu điện huyện", "Quyền Giám đốc", "Q. GIÁM ĐỐC"),
        (Bloc.MASS_ORG, "Hội Nông dân huyện", "Phó Chủ tịch", "TM. HỘI NÔNG DÂN HUYỆN"),
        (Bloc.CENTRAL_AGENCY, "Chi cục Thuế", "Chi cục trưởng", ""),
        (Bloc.CENTRAL_AGENCY, "Chi cục Thuế", "Phó Chi cục trưởng", "KT. CHI CỤC TRƯỞNG"),
    ],
)
def test_the_usual_line(bloc: Bloc, organ: str, position: str, line: str) -> None:
    assert authority(usual(bloc, position), bloc, organ, position) == line


def test_every_capacity_writes_its_mark() -> None:
    lines = {one: authority(one, Bloc.GOVERNMENT, DISTRICT, "Chủ tịch") for one in Capacity}
    assert {one: line.partition(" ")[0] for one, line in lines.items()} == {
        Capacity.TM: "TM.",
        Capacity.KT: "KT.",
        Capacity.TL: "TL.",
        Capacity.TUQ: "TUQ.",
        Capacity.Q: "Q.",
        Capacity.OWN: "",
    }
    assert len(authority(Capacity.TM, Bloc.GOVERNMENT, "Xã " + "x" * 200, "")) == 200


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    return {name: district.who(name) for name in ("chutich", "vanthu", "camthuy")}


def write(store: Store, people: dict[str, Principal]) -> int:
    made = draft([people["camthuy"].unit_id], deadline=store.clock() + WEEK)
    return store.write_now(service.create_draft, people["vanthu"], POLICY, made).id


def read(store: Store, who: Principal, directive: int) -> Directive:
    return store.read_now(service.open_directive, who, POLICY, directive).directive


def test_without_a_word_it_is_the_usual_one(store: Store, people: dict[str, Principal]) -> None:
    signed = read(store, people["camthuy"], issue(store, people["chutich"], [people["camthuy"].unit_id]).id)
    assert (signed.signer_capacity, signed.signer_authority) == (Capacity.TM, f"TM. {DISTRICT.upper()}")
    assert signed.signer_position == people["chutich"].acting.position
    offered = store.read_now(service.capacities, people["chutich"])
    assert offered[0] == (Capacity.TM, signed.signer_authority)
    assert {one for one, _line in offered} == set(Capacity)
    assert store.read_now(service.capacities, people["vanthu"]) == []


def test_it_can_be_another_also_for_a_later_moment(
    store: Store, people: dict[str, Principal], clock: Clock, district: DistrictIds
) -> None:
    at, leader = store.clock() + timedelta(days=1), people["chutich"]
    now, later, back = (write(store, people) for _each in range(3))
    store.write_now(service.issue, leader, POLICY, now, IssueInput(capacity=Capacity.TUQ))
    assert read(store, leader, now).signer_authority == "TUQ. CHỦ TỊCH"
    for one in (later, back):
        store.write_now(service.schedule, leader, one, ScheduleInput(at=at, capacity=Capacity.OWN))
    store.write_now(service.take_back, leader, back)
    assert (read(store, leader, back).signer_capacity, read(store, leader, back).signer) == (None, "")
    clock.set(at)
    assert store.write_now(service.issue_due, POLICY)
    signed = read(store, leader, later)
    assert (signed.signer_capacity, signed.signer_authority, signed.signer) == (Capacity.OWN, "", leader.name)


def test_a_deputy_signs_for_the_chair(store: Store, people: dict[str, Principal]) -> None:
    acting = msgspec.structs.replace(people["chutich"].acting, position="Phó Chủ tịch UBND huyện")
    deputy = msgspec.structs.replace(people["chutich"], acting=acting)
    signed = read(store, deputy, issue(store, deputy, [people["camthuy"].unit_id]).id)
    assert (signed.signer_authority, signed.signer_position) == ("KT. CHỦ TỊCH", "Phó Chủ tịch UBND huyện")


async def test_where_it_is_shown(store: Store, people: dict[str, Principal], page_as: PageAs, as_: As) -> None:
    leader, made = await page_as("chutich"), write(store, people)
    text = await (await leader.get(f"/directives/{made}")).text()
    assert "Thay mặt (TM. ỦY BAN NHÂN DÂN HUYỆN CAM LỘ)" in text and "Thừa lệnh (TL. CHỦ TỊCH)" in text
    form = {"revision": "1", "capacity": "KT", "confirmed": "true"}
    assert (await leader.post(f"/directives/{made}/issue", form)).status == 303
    for name in ("chutich", "camthuy"):
        assert "KT. CHỦ TỊCH<br>" in await (await (await page_as(name)).get(f"/directives/{made}")).text()
    signer = people["chutich"].name
    assert f"{signer} (KT.)" in await (await leader.get("/registers?register=out")).text()
    (line,) = store.read_now(service.register_lines, people["chutich"], POLICY, RegisterQuery())
    assert values("out", line, POLICY.zone, str)[3] == f"{signer} (KT.)"
    answer = await (await as_("vanthu")).get(f"/api/v1/directives/{made}/edxml")
    sent: Any = read_message(await answer.read(), ZoneInfo("Asia/Ho_Chi_Minh"), 1)
    assert isinstance(sent, Document)
    assert (sent.competence, sent.signer) == ("KT. CHỦ TỊCH", signer)


async def test_signing_for_later_on_the_page(store: Store, people: dict[str, Principal], page_as: PageAs) -> None:
    leader, made = await page_as("chutich"), write(store, people)
    at = f"{(store.clock() + timedelta(days=1)).astimezone(POLICY.zone):%Y-%m-%dT%H:%M}"
    form = {"revision": "1", "later_capacity": "TUQ", "at": at}
    assert (await leader.post(f"/directives/{made}/schedule", form)).status == 303
    assert "Ký: TUQ. CHỦ TỊCH." in await (await leader.get(f"/directives/{made}")).text()


@pytest.mark.parametrize(
    ("bloc", "organ", "head"),
    [
        (Bloc.PARTY, "Huyện ủy Cam Lộ", "Bí thư"),
        (Bloc.GOVERNMENT, "Xã Cam Thủy", "Chủ tịch"),
        (Bloc.FRONT, "Ủy ban Mặt trận Tổ quốc Việt Nam huyện Cam Lộ", "Chủ tịch"),
        (Bloc.MASS_ORG, "Hội Nông dân huyện Cam Lộ", "Chủ tịch"),
        (Bloc.MASS_ORG, "Liên đoàn Lao động huyện Cam Lộ", "Chủ tịch"),
        (Bloc.MASS_ORG, "Công đoàn xã", "Chủ tịch"),
        (Bloc.MASS_ORG, "Huyện đoàn Cam Lộ (Đoàn TNCS Hồ Chí Minh)", "Bí thư"),
        (Bloc.MASS_ORG, "Đoàn xã Cam Thủy", "Bí thư"),
        (Bloc.MASS_ORG, "BCH Đoàn Thanh niên thị trấn Cam Lộ", "Bí thư"),
        (Bloc.CENTRAL_AGENCY, "Chi cục Thuế", "Thủ trưởng"),
    ],
)
def test_what_the_head_of_an_organ_is_called(bloc: Bloc, organ: str, head: str) -> None:
    assert head_of(bloc, organ) == head


def test_whoever_signs_for_the_head_of_the_youth_union_signs_for_its_secretary() -> None:
    found = authority(Capacity.Q, Bloc.MASS_ORG, "Huyện đoàn Cam Lộ", "Ủy viên Thường vụ")
    assert found == "Q. BÍ THƯ"


@pytest.mark.parametrize(
    ("who", "words", "others"),
    [
        ("bithu", ("Bí thư", "Phó bí thư phụ trách"), ("Chủ tịch", "Phó chủ tịch phụ trách")),
        ("chutich", ("Chủ tịch", "Phó chủ tịch phụ trách"), ("Bí thư", "Phó bí thư phụ trách")),
        ("matran", ("Chủ tịch", "Phó chủ tịch phụ trách"), ("Bí thư", "Phó bí thư phụ trách")),
    ],
)
async def test_posts_have_the_names_of_the_organ(
    page_as: PageAs, who: str, words: tuple[str, ...], others: tuple[str, ...]
) -> None:
    text = await (await (await page_as(who)).get("/directives/posts")).text()
    assert all(f'aria-label="{word}"' in text for word in words)
    assert not any(f'aria-label="{word}"' in text for word in others)
