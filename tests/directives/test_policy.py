"""The configuration of directives: what ships is right, what is wrong is refused at the start."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from server.config import ROOT
from server.directives.documents import DocumentType, Urgency
from server.directives.policy import load_policy
from server.reach.rules import Channel

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
POLICY = load_policy(ROOT / "config", ZONE, 50 << 20)
MONDAY = datetime(2026, 11, 30, 8, 0, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("urgency", "due"),
    [
        (Urgency.NORMAL, MONDAY.replace(month=12, day=1, hour=17)),
        (Urgency.URGENT, MONDAY.replace(hour=10)),
        (Urgency.VERY_URGENT, MONDAY.replace(hour=9)),
        (Urgency.FLASH, MONDAY.replace(minute=15)),
        (Urgency.FLASH_TIMED, MONDAY.replace(minute=15)),
    ],
)
def test_until_when_a_unit_registers(urgency: Urgency, due: datetime) -> None:
    assert POLICY.register_due(MONDAY, urgency) == due


def test_what_names_an_hour_has_the_rules_of_flash_unless_it_has_its_own(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path, dirs_exist_ok=True)
    assert POLICY.file.clocks[Urgency.FLASH_TIMED] == POLICY.file.clocks[Urgency.FLASH]
    assert POLICY.file.reach[Urgency.FLASH_TIMED] == POLICY.file.reach[Urgency.FLASH]
    file = tmp_path / "directives.toml"
    text = file.read_text("utf-8")
    own = text[text.index("[clocks.FLASH]") : text.index("# People who look at no page")]
    own = own.replace("[clocks.FLASH]", "[clocks.FLASH_TIMED]").replace('register_by = "15m"', 'register_by = "10m"')
    file.write_text(f"{text}\n{own}", "utf-8")
    policy = load_policy(tmp_path, ZONE, 0)
    assert policy.register_due(MONDAY, Urgency.FLASH_TIMED) == MONDAY.replace(minute=10)
    assert policy.register_due(MONDAY, Urgency.FLASH) == MONDAY.replace(minute=15)


@pytest.mark.parametrize(
    ("kind", "now", "when"),
    [
        ("issued", "2026-11-25T08:00", ["25 08:00", "25 08:00", "25 08:15", "25 08:30"]),
        ("issued", "2026-11-28T12:00", ["30 06:30", "30 06:30", "30 06:45", "30 07:00"]),  # a Saturday
        ("escalation", "2026-11-28T12:00", ["30 06:30", "30 06:30", "30 06:30", "30 06:45", "30 07:00"]),
        ("issued", "2026-11-25T20:50", ["25 20:50", "25 20:50", "26 06:30", "26 06:45"]),
        ("issued", "2026-11-26T05:00", ["26 06:30", "26 06:30", "26 06:45", "26 07:00"]),
    ],
)
def test_each_channel_leaves_time_to_act_after_quiet_hours_too(kind: str, now: str, when: list[str]) -> None:
    policy = load_policy(ROOT / "config", ZONE, 0, set(Channel))
    moment = datetime.fromisoformat(now).replace(tzinfo=ZONE)
    found = [at.astimezone(ZONE) for _channel, at in policy.ladder(kind, Urgency.URGENT, moment)]
    assert [f"{at:%d %H:%M}" for at in found] == when


@pytest.mark.parametrize(("now", "when"), [("2026-11-28T12:00", "30 07:00"), ("2026-11-25T20:50", "26 06:30")])
def test_a_call_without_a_device_leaves_time_to_come_to_the_office(now: str, when: str) -> None:
    at = POLICY.call_without_device(Urgency.URGENT, datetime.fromisoformat(now).replace(tzinfo=ZONE))
    assert at is not None and f"{at.astimezone(ZONE):%d %H:%M}" == when


def test_suggestions() -> None:
    assert POLICY.day_deadline(MONDAY, 1) == MONDAY.replace(month=12, day=1, hour=17)
    assert POLICY.suggested_deadline(MONDAY, Urgency.NORMAL) == MONDAY.replace(month=12, day=7, hour=17)
    due = MONDAY.replace(hour=12)
    assert POLICY.soon_at(due, MONDAY, Urgency.FLASH) == MONDAY.replace(hour=11)


@pytest.mark.parametrize(
    ("kind", "bloc", "level", "code", "text"),
    [
        (DocumentType.KE_HOACH, "GOVERNMENT", "district", "468", "05/KH-UBND"),
        (DocumentType.CONG_VAN, "GOVERNMENT", "commune", "19606", "05/UBND-VP"),
        (DocumentType.KE_HOACH, "PARTY", "district", "468.HU", "05-KH/HU"),
        (DocumentType.CONG_VAN, "PARTY", "district", "468.HU", "05-CV/HU"),
        (DocumentType.KE_HOACH, "PARTY", "commune", "19606.DU", "05-KH/ĐU"),
        (DocumentType.KE_HOACH, "PARTY", "province", "45.TU", "05-KH/TU"),
        (DocumentType.KE_HOACH, "FRONT", "commune", "19606.MTTQ", "05/KH-MTTQ"),
        (DocumentType.KE_HOACH, "MASS_ORG", "district", "468.HND", "05/KH-HND"),
    ],
)
def test_each_organ_writes_its_numbers_in_its_own_way(
    kind: DocumentType, bloc: str, level: str, code: str, text: str
) -> None:
    assert POLICY.number_text(5, POLICY.notation(kind, bloc, level, code), bloc) == text


@pytest.mark.parametrize(
    ("bloc", "level"), [("CENTRAL_AGENCY", "district"), ("MASS_ORG", "district"), ("GOVERNMENT", "village")]
)
def test_an_organ_that_is_not_named_has_no_usual_notation(bloc: str, level: str) -> None:
    assert POLICY.notation(DocumentType.KE_HOACH, bloc, level, "468.THUE") == ""
    assert POLICY.number_text(5, "KH-CCT", bloc) == "05/KH-CCT", "it writes its numbers all the same"


def test_the_registers_year_is_the_local_one() -> None:
    assert POLICY.year(datetime(2026, 12, 31, 23, 0, tzinfo=ZONE)) == 2026
    assert POLICY.year(datetime.fromisoformat("2026-12-31T18:00:00+00:00")) == 2027


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"15m"', '"15 minutes"'),
        ("most_attachments", "most_attachmentz"),
        ("[numbering.PARTY]", "[numbering.PARTYS]"),
        ("[numbering.default]", "[numbering.CENTRAL_AGENCY]"),
        ('commune = "ĐU"', 'communes = "ĐU"'),
    ],
)
def test_mistakes_in_the_file_are_refused(tmp_path: Path, old: str, new: str) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    file = tmp_path / "config" / "directives.toml"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(msgspec.ValidationError):
        load_policy(tmp_path / "config", ZONE, 1)


@pytest.mark.parametrize("table", ["clocks", "reach"])
@pytest.mark.parametrize("urgency", ["NORMAL", "URGENT", "VERY_URGENT", "FLASH"])
def test_every_urgency_has_its_rules_at_the_start(tmp_path: Path, table: str, urgency: str) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    file = tmp_path / "config" / "directives.toml"
    tables = file.read_text("utf-8").split("\n[")
    kept = [one for one in tables if not one.startswith(f"{table}.{urgency}]")]
    assert len(kept) == len(tables) - 1
    file.write_text("\n[".join(kept), "utf-8")
    with pytest.raises(msgspec.ValidationError, match=f"{table}: nothing for {urgency}"):
        load_policy(tmp_path / "config", ZONE, 1)


def test_the_calendar_file_wins_over_the_library(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "config" / "calendar" / "vietnam.toml").write_text("worked = [2026-11-24]\noff = [2026-11-25]\n")
    calendar = load_policy(tmp_path / "config", ZONE, 1).calendar
    assert calendar.is_working_day(datetime(2026, 11, 24).date())
    assert not calendar.is_working_day(datetime(2026, 11, 25).date())
