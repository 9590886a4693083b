"""From an ended meeting to a sealed record: who sees it, how it is found, what a keeper may do, and the chain."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.records import custody, finding, keeping, service
from server.records.facts import UnitFacts
from server.records.finding import Wanted
from server.records.model import State, custody_event, record
from server.store import Store
from tests.records.making import BEGIN, archived, ended, make_record


def titles(store: Store, who: Any, words: str = "", **wanted: Any) -> list[str]:
    return [line.title for line in store.read_now(finding.find, who, Wanted(words=words, **wanted)).records]


def test_a_meeting_has_one_record(store: Store, district: Any) -> None:
    first = store.write_now(service.create_record, ended(district))
    assert store.write_now(service.create_record, ended(district)) == first
    assert store.read_now(service.unfinished) == [first]


def test_without_a_recording_there_is_no_record(store: Store, district: Any) -> None:
    assert store.write_now(service.create_record, ended(district, recordings=[])) is None


def test_sealing_tells_every_unit_once(store: Store, district: Any, root: Path) -> None:
    told: list[Any] = []
    store.listeners.append(lambda events, _notes: told.extend((e.unit_id, e.kind) for e in events))
    record_id = make_record(store, root, ended(district))
    store.write_now(service.seal, record_id, archived(root))
    units = {district.unit("468"), district.unit("19606")}
    assert sorted(told) == sorted((unit, "record.ready") for unit in units)
    info = store.read_now(finding.get, district.who("vanthu"), record_id)
    assert (info.state, info.playable, len(info.files), len(info.chapters)) == (State.READY, True, 3, 2)
    assert info.due_on == dt.date(2036, 12, 31)
    assert info.gaps[0].seconds == pytest.approx(1.8)
    assert [line.what for line in info.custody] == ["sealed", "created"]


def test_a_recovered_segment_is_declared(store: Store, district: Any, root: Path) -> None:
    record_id = store.write_now(service.create_record, ended(district))
    assert record_id
    made = archived(root)
    from msgspec.structs import replace

    store.write_now(service.seal, record_id, replace(made, files=[replace(f, recovered=True) for f in made.files]))
    info = store.read_now(finding.get, district.who("vanthu"), record_id)
    assert "recovered" in [line.what for line in info.custody]


def test_a_failure_is_told_and_tried_again(store: Store, district: Any, root: Path) -> None:
    record_id = store.write_now(service.create_record, ended(district))
    assert record_id
    store.write_now(service.fail, record_id, "OSError: no such folder")
    info = store.read_now(finding.get, district.who("vanthu"), record_id)
    assert (info.state, info.problem) == (State.DAMAGED, "OSError: no such folder")
    assert store.read_now(service.unfinished) == [record_id]
    store.write_now(service.seal, record_id, archived(root))
    assert store.read_now(finding.get, district.who("vanthu"), record_id).state is State.READY


@pytest.mark.parametrize(
    ("username", "sees"),
    [("vanthu", True), ("chutich", True), ("camthuy", True), ("camtuyen", False)],
)
def test_units_that_were_there_and_those_above_see_it(
    store: Store, district: Any, root: Path, username: str, sees: bool
) -> None:
    record_id = make_record(store, root, ended(district))
    who = district.who(username)
    assert bool(titles(store, who)) == sees
    if sees:
        assert store.read_now(finding.get, who, record_id).id == record_id
    else:
        with pytest.raises(NotFoundError):
            store.read_now(finding.get, who, record_id)


def test_a_meeting_of_villages_is_seen_by_their_commune(store: Store, district: Any, root: Path) -> None:
    village = district.who("thon1.camthuy").unit_id
    meeting = ended(district, units=[UnitFacts(id=village, name="Thôn 1")], unit_id=village, unit_name="Thôn 1")
    make_record(store, root, meeting)
    assert [bool(titles(store, district.who(name))) for name in ("camthuy", "vanthu", "camtuyen")] == [
        True,
        True,
        False,
    ]


def test_search_by_words(store: Store, district: Any, root: Path) -> None:
    who = district.who("vanthu")
    make_record(store, root, ended(district, 1, "Giao ban xã Cam Thanh"))
    make_record(store, root, ended(district, 2, "Giao ban xã Cam Thành"))
    make_record(store, root, ended(district, 3, "Họp khẩn: bão số 5 (100%)", agenda=[]))
    assert len(titles(store, who, "cam thanh")) == 2
    assert titles(store, who, "Cam Thành") == ["Giao ban xã Cam Thành"]
    assert titles(store, who, "CAM THÀNH") == ["Giao ban xã Cam Thành"]
    assert titles(store, who, '"cam thanh"') == ["Giao ban xã Cam Thanh"]
    assert titles(store, who, "hop khan 100%") == ["Họp khẩn: bão số 5 (100%)"]
    assert len(titles(store, who, "trần bình phòng")) == 2
    assert titles(store, who, "100_") == []
    assert titles(store, who, "' OR 1=1 --") == []


def test_search_by_days_and_unit(store: Store, district: Any, root: Path) -> None:
    who = district.who("vanthu")
    day = dt.timedelta(days=1)
    for number in range(3):
        make_record(store, root, ended(district, number, f"Họp {number}", started_at=BEGIN + number * day))
    huyen = district.unit("468")
    make_record(store, root, ended(district, 9, "Chỉ huyện", units=[UnitFacts(id=huyen, name="Huyện")]))
    assert titles(store, who, since=BEGIN + day) == ["Họp 2", "Họp 1"]
    assert set(titles(store, who, until=BEGIN + day)) == {"Họp 0", "Chỉ huyện"}
    assert "Chỉ huyện" not in titles(store, who, unit_id=district.unit("19606"))
    assert {unit for unit, _name in store.read_now(finding.units_seen, who)} == {huyen, district.unit("19606")}


def test_pages(store: Store, district: Any) -> None:
    who = district.who("vanthu")
    for number in range(finding.PER_PAGE + 1):
        store.write_now(service.create_record, ended(district, number))
    first = store.read_now(finding.find, who, Wanted())
    last = store.read_now(finding.find, who, Wanted(page=99))
    assert (first.total, first.pages, len(first.records)) == (21, 2, 20)
    assert (last.page, len(last.records)) == (2, 1)
    assert not {r.id for r in first.records} & {r.id for r in last.records}


def test_only_a_clerk_of_the_chairs_unit_keeps(store: Store, district: Any, root: Path) -> None:
    record_id = make_record(store, root, ended(district))
    vanthu, chutich = district.who("vanthu"), district.who("chutich")
    for other in (chutich, district.who("camthuy")):
        with pytest.raises(NotAllowedError):
            store.write_now(keeping.hold, other, record_id, "thanh tra")
        assert store.read_now(finding.get, other, record_id).custody == []
    store.write_now(keeping.hold, vanthu, record_id, "  Thanh tra   huyện ")
    assert store.read_now(finding.get, vanthu, record_id).hold == "Thanh tra huyện"
    assert store.read_now(finding.falling_due, vanthu, dt.date(2099, 1, 1)) == []
    store.write_now(keeping.release, vanthu, record_id, "xong")
    assert [r.id for r in store.read_now(finding.falling_due, vanthu, dt.date(2099, 1, 1))] == [record_id]
    with pytest.raises(ConflictError):
        store.write_now(keeping.release, vanthu, record_id, "xong")
    with pytest.raises(UserError):
        store.write_now(keeping.hold, vanthu, record_id, " \n ")


def test_a_period_can_be_changed(store: Store, district: Any, root: Path) -> None:
    record_id = make_record(store, root, ended(district))
    vanthu = district.who("vanthu")
    store.write_now(keeping.change_retention, vanthu, record_id, "permanent")
    info = store.read_now(finding.get, vanthu, record_id)
    assert (info.retention, info.due_on, info.custody[0].purpose) == ("permanent", None, "10 → permanent")
    with pytest.raises(UserError):
        store.write_now(keeping.change_retention, vanthu, record_id, "11")


def test_a_view_counts_once_an_hour(store: Store, district: Any, root: Path, clock: Any) -> None:
    record_id = make_record(store, root, ended(district))
    who = district.who("camthuy")
    for _time in range(3):
        store.write_now(keeping.log_view, who, record_id)
    clock.advance(minutes=61)
    assert not store.read_now(keeping.playable, who, record_id).logged
    store.write_now(keeping.log_view, who, record_id)
    info = store.read_now(finding.get, district.who("vanthu"), record_id)
    views = [line for line in info.custody if line.what == "viewed"]
    assert len(views) == 2
    assert views[0].who.endswith(f"· {who.name}")
    assert views[0].purpose == "xem"


def test_a_download_needs_a_purpose(store: Store, district: Any, root: Path) -> None:
    record_id = make_record(store, root, ended(district))
    with pytest.raises(UserError, match="no_purpose"):
        store.write_now(keeping.log_download, district.who("camthuy"), record_id, "")
    store.write_now(keeping.log_download, district.who("camthuy"), record_id, "làm biên bản")
    info = store.read_now(finding.get, district.who("vanthu"), record_id)
    assert (info.custody[0].what, info.custody[0].purpose) == ("downloaded", "làm biên bản")


def test_nothing_to_play_before_it_is_sealed(store: Store, district: Any) -> None:
    record_id = store.write_now(service.create_record, ended(district))
    assert record_id
    for work in (keeping.playable, keeping.to_verify):
        with pytest.raises(ConflictError):
            store.read_now(work, district.who("vanthu"), record_id)
    with pytest.raises(ConflictError):
        store.write_now(keeping.log_export, district.who("vanthu"), record_id, "nộp lưu")


@pytest.mark.parametrize("change", [{"who": "Somebody else"}, {"purpose": "other"}, {"at": BEGIN}, {"account_id": 1}])
def test_a_changed_link_breaks_the_chain(store: Store, district: Any, root: Path, change: dict[str, Any]) -> None:
    record_id = make_record(store, root, ended(district))
    store.write_now(keeping.log_view, district.who("camthuy"), record_id)
    assert store.read_now(custody.check, record_id) is None
    where = sa.and_(custody_event.c.record_id == record_id, custody_event.c.n == 2)
    store.write_now(lambda tx: tx.execute(sa.update(custody_event).where(where).values(**change)))
    assert store.read_now(custody.check, record_id) == 2


def test_a_link_that_was_taken_out_is_missed(store: Store, district: Any, root: Path) -> None:
    record_id = make_record(store, root, ended(district))
    store.write_now(keeping.log_view, district.who("camthuy"), record_id)
    where = sa.and_(custody_event.c.record_id == record_id, custody_event.c.n == 2)
    store.write_now(lambda tx: tx.execute(sa.delete(custody_event).where(where)))
    assert store.read_now(custody.check, record_id) == 2


def test_the_state_column_holds_what_the_enum_names(store: Store, district: Any, root: Path) -> None:
    record_id = make_record(store, root, ended(district))
    row = store.read_now(lambda tx: tx.one(sa.select(record).where(record.c.id == record_id)))
    assert row is not None
    assert State(row.state) is State.READY
