"""Use cases of directives: who may do what, what is written, what is told, and when it counts as late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from server.accounts.permissions import Role
from server.accounts.principal import Principal
from server.directives import service
from server.directives.documents import Urgency
from server.directives.model import change_table, delivery_table, directive_table
from server.directives.rules import RecipientRole, ReturnReason, State
from server.directives.service.drafts import reachable_ids
from server.directives.shapes import Recipient, ReportInput, ReturnInput, SendBackInput, Upload
from server.errors import ConflictError, NotAllowedError, NotFoundError, UserError
from server.store import Store
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY, WEEK, draft, issue


@pytest.fixture
def people(district: DistrictIds) -> dict[str, Principal]:
    names = ("chutich", "vanthu", "camthuy", "vanthu.camthuy", "chutich.camthuy", "thon1.camthuy", "camhieu", "quantri")
    return {name: district.who(name) for name in names}


@pytest.fixture
def communes(district: DistrictIds) -> list[int]:
    return [district.unit(code) for code in ("19606", "19615")]


def delivery(store: Store, directive: int, unit: int) -> Any:
    v = delivery_table.c
    query = sa.select(delivery_table).where(v.directive_id == directive, v.unit_id == unit)
    return store.read_now(lambda tx: tx.one(query))


def kinds(store: Store, unit: int) -> list[tuple[str, Any]]:
    from server.store.events import since

    events = store.read_now(lambda tx: since(tx.connection, unit, 0))
    return [(event.kind, msgspec.json.decode(event.body)) for event in events]


# ---- writing and issuing


def test_a_clerk_writes_and_a_leader_issues(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    made = store.write_now(
        service.create_draft, people["vanthu"], POLICY, draft(communes, deadline=store.clock() + WEEK)
    )
    assert store.write_now(service.submit, people["vanthu"], POLICY, made.id).state == "WAITING"
    with pytest.raises(NotAllowedError):
        store.write_now(service.issue, people["vanthu"], POLICY, made.id)
    done = store.write_now(service.issue, people["chutich"], POLICY, made.id)
    assert (done.state, done.number_text) == ("ISSUED", "01/KH-UBND")
    told = [body for kind, body in kinds(store, communes[0]) if kind == "directive.issued"]
    assert [(body["subject"], body["number"], body["role"]) for body in told] == [
        ("Phòng, chống lụt bão", "01/KH-UBND", "execute")
    ]
    assert delivery(store, done.id, communes[0]).seq == 1
    assert [kind for kind, _ in kinds(store, people["vanthu"].unit_id)] == ["directive.waiting"]


def test_what_is_issued_cannot_be_changed(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    with pytest.raises(ConflictError, match="already_issued"):
        store.write_now(service.delete_draft, people["chutich"], done.id)
    with pytest.raises(ConflictError, match="already_issued"):
        store.write_now(service.submit, people["chutich"], POLICY, done.id)
    with pytest.raises(ConflictError, match="already_issued"):
        store.write_now(service.edit_draft, people["vanthu"], POLICY, done.id, draft(communes))
    with pytest.raises(ConflictError, match="already_issued"):
        store.write_now(service.issue, people["chutich"], POLICY, done.id)
    assert len(kinds(store, communes[0])) == 1


def test_a_refused_issue_takes_no_number_and_tells_nobody(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    late = store.write_now(
        service.create_draft, people["vanthu"], POLICY, draft(communes, deadline=clock() + timedelta(hours=1))
    )
    clock.advance(hours=2)
    with pytest.raises(service.DraftError) as refused:
        store.write_now(service.issue, people["chutich"], POLICY, late.id)
    assert [(p.field, p.code) for p in refused.value.problems] == [("deadline", "past_deadline")]
    assert kinds(store, communes[0]) == []
    assert issue(store, people["chutich"], communes).number_text.startswith("01/")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recipients": [Recipient(unit=999_999)]}, "unknown_recipient"),
        ({"secrecy": "Mật"}, "secret"),
        ({"subject": "x" * 501}, "too_long"),
    ],
)
def test_a_draft_that_cannot_be_kept(
    store: Store, people: dict[str, Principal], communes: list[int], changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(service.DraftError, match=code):
        store.write_now(service.create_draft, people["vanthu"], POLICY, draft(communes, **changes))
    assert store.read_now(lambda tx: tx.all(sa.select(directive_table))) == []


def test_a_unit_sends_downwards_only(store: Store, people: dict[str, Principal], district: DistrictIds) -> None:
    commune = people["vanthu.camthuy"]
    names = {unit.short_name for unit in store.read_now(service.reachable, commune.unit_id)}
    assert len(names) == 10
    for unit in (district.unit("468"), district.unit("19615"), commune.unit_id):
        with pytest.raises(service.DraftError, match="unknown_recipient"):
            store.write_now(service.create_draft, commune, POLICY, draft([unit]))


def test_an_organ_without_units_below_reaches_those_around_it(store: Store, district: DistrictIds) -> None:
    party = district.unit("468.HU")
    reached = {unit.id for unit in store.read_now(service.reachable, party)}
    assert {district.unit("468"), district.unit("19606")} <= reached
    assert party not in reached


def test_reachable_units_are_the_same_by_their_ids(store: Store, district: DistrictIds) -> None:
    for code in ("45", "468", "468.HU", "19606", "19606.01"):
        unit = district.unit(code)
        infos = store.read_now(service.reachable, unit)
        assert store.read_now(reachable_ids, unit) == {info.id for info in infos}, code


def test_a_draft_is_the_units_own(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    made = store.write_now(service.create_draft, people["vanthu"], POLICY, draft(communes))
    for stranger in ("camthuy", "vanthu.camthuy", "thon1.camthuy"):
        with pytest.raises(NotFoundError):
            store.read_now(service.open_directive, people[stranger], POLICY, made.id)
    with pytest.raises(NotFoundError):
        store.write_now(service.delete_draft, people["vanthu.camthuy"], made.id)
    store.write_now(service.delete_draft, people["vanthu"], made.id)
    with pytest.raises(NotFoundError):
        store.read_now(service.open_directive, people["vanthu"], POLICY, made.id)


def test_numbers_begin_anew_each_year_and_for_each_organ(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock, district: DistrictIds
) -> None:
    clock.set(datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    assert [issue(store, people["chutich"], communes).number_text[:2] for _ in range(2)] == ["01", "02"]
    clock.set(datetime(2026, 12, 31, 17, 30, tzinfo=UTC))  # 00:30 on 1 January in Vietnam
    assert issue(store, people["chutich"], communes).number_text[:2] == "01"
    village = district.unit("19606.01")
    assert issue(store, people["chutich.camthuy"], [village]).number_text[:2] == "01"


# ---- commands that come twice


def test_a_repeated_command_gets_the_first_answer(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    made = draft(communes, deadline=store.clock() + WEEK, command_id="c1")
    first = store.write_now(service.create_and_issue, people["chutich"], POLICY, made)
    assert store.write_now(service.create_and_issue, people["chutich"], POLICY, made) == first
    assert len(kinds(store, communes[0])) == 1
    with pytest.raises(ConflictError, match="command_reused"):
        store.write_now(
            service.create_and_issue, people["chutich"], POLICY, msgspec.structs.replace(made, subject="Khác")
        )
    register = (service.register, people["camthuy"], POLICY, first.id, "r1")
    assert store.write_now(*register) == store.write_now(*register)
    with pytest.raises(ConflictError, match="wrong_state: Đơn vị đã tiếp nhận văn bản này rồi"):
        store.write_now(service.register, people["camthuy"], POLICY, first.id, "r2")


def test_command_ids_are_each_persons_own(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    one = store.write_now(service.register, people["camthuy"], POLICY, done.id, "same")
    other = store.write_now(service.register, people["camhieu"], POLICY, done.id, "same")
    assert one.id != other.id


# ---- receiving


def test_the_way_of_a_delivery(store: Store, people: dict[str, Principal], communes: list[int], clock: Clock) -> None:
    done = issue(store, people["chutich"], communes)
    unit, cadre = communes[0], people["camthuy"]
    assert delivery(store, done.id, unit).state == "SENT"
    clock.advance(seconds=1)
    assert store.write_now(service.arrived, {unit: 1}) == 1
    assert delivery(store, done.id, unit).arrived_at == clock()
    clock.advance(minutes=1)
    store.write_now(service.see, cadre, done.id)
    clock.advance(minutes=1)
    answer = store.write_now(service.register, cadre, POLICY, done.id)
    assert (answer.state, answer.registry_number) == (State.REGISTERED, 1)
    clock.advance(days=1)
    report = ReportInput(text="Đã làm.")
    file = Upload(name="a.pdf", content_type="application/pdf", size=3, sha256="0" * 64)
    store.write_now(service.report, cadre, POLICY, done.id, report, [file])
    sent_back = SendBackInput(note="Thêm số liệu", deadline=clock() + timedelta(days=2))
    store.write_now(service.send_back, people["vanthu"], POLICY, answer.id, sent_back)
    assert delivery(store, done.id, unit).deadline == clock() + timedelta(days=2)
    store.write_now(service.report, cadre, POLICY, done.id, ReportInput(text="Đã thêm."))
    store.write_now(service.accept, people["vanthu"], POLICY, answer.id)
    opened = store.read_now(service.open_directive, cadre, POLICY, done.id)
    assert opened.delivery is not None
    assert [change.event for change in opened.delivery.changes] == [
        *("arrive", "see", "register", "report", "send_back", "report", "accept")
    ]
    assert [(r.version, r.accepted, len(r.attachments)) for r in opened.delivery.responses] == [
        (2, True, 0),
        (1, False, 1),
    ]
    assert opened.delivery.timeliness == "DONE_ON_TIME"
    states = [body["state"] for kind, body in kinds(store, people["vanthu"].unit_id) if kind == "delivery.changed"]
    assert states == ["ARRIVED", "SEEN", "REGISTERED", "REPORTED", "REWORK", "REPORTED", "COMPLETED"]


def test_late_receipts_change_nothing(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    store.write_now(service.register, people["camthuy"], POLICY, done.id)
    before = delivery(store, done.id, communes[0])
    assert store.write_now(service.arrived, {communes[0]: 99}) == 0
    store.write_now(service.see, people["chutich.camthuy"], done.id)
    assert delivery(store, done.id, communes[0]) == before
    assert before.arrived_at is not None
    assert before.seen_at is not None


def test_only_what_was_acknowledged_has_arrived(
    store: Store, people: dict[str, Principal], communes: list[int]
) -> None:
    first, second = (issue(store, people["chutich"], communes) for _ in range(2))
    assert store.write_now(service.arrived, {communes[0]: 1, communes[1]: 0, 12345: 9}) == 1
    assert delivery(store, first.id, communes[0]).state == "ARRIVED"
    assert delivery(store, second.id, communes[0]).state == "SENT"
    assert delivery(store, first.id, communes[1]).state == "SENT"
    assert store.write_now(service.arrived, {communes[0]: 10**15 - 1}) == 1  # the greatest number that devices may say
    assert store.write_now(service.arrived, {communes[0]: 2}) == 0


def test_arrivals_are_told_once_a_directive(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    store.write_now(service.arrived, dict.fromkeys(communes, 1))
    told = [body for kind, body in kinds(store, people["chutich"].unit_id) if kind == "delivery.changed"]
    assert [(body["directive"], body["units"], body["state"]) for body in told] == [
        (done.id, sorted(communes), "ARRIVED")
    ]


def test_a_village_head_confirms_without_a_number(
    store: Store, people: dict[str, Principal], district: DistrictIds
) -> None:
    done = issue(store, people["chutich"], [district.unit("19606.01")])
    head = people["thon1.camthuy"]
    assert head.role is Role.VILLAGE_HEAD
    answer = store.write_now(service.register, head, POLICY, done.id)
    assert (answer.state, answer.registry_number) == (State.REGISTERED, None)


def test_information_is_closed_by_registering(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes, role=RecipientRole.INFO)
    answer = store.write_now(service.register, people["camthuy"], POLICY, done.id)
    assert (answer.state, answer.registry_number) == (State.CLOSED_INFO, 1)
    with pytest.raises(ConflictError, match="wrong_state"):
        store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="x"))


def test_a_document_is_returned_with_a_reason(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    data = ReturnInput(reason=ReturnReason.WRONG_RECIPIENT, note="Của xã khác")
    assert store.write_now(service.return_delivery, people["camthuy"], POLICY, done.id, data).state is State.RETURNED
    with pytest.raises(ConflictError):
        store.write_now(service.register, people["camthuy"], POLICY, done.id)
    board = store.read_now(service.open_directive, people["vanthu"], POLICY, done.id)
    assert board.counts is not None
    assert (board.counts.returned, board.counts.overdue) == (1, 0)


def test_only_the_right_people(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes[:1])
    with pytest.raises(NotAllowedError):  # a leader does not keep the book
        store.write_now(service.register, people["chutich.camthuy"], POLICY, done.id)
    for work in (service.see, lambda tx, who, i: service.register(tx, who, POLICY, i)):
        with pytest.raises(NotFoundError):  # not a recipient
            store.write_now(work, people["camhieu"], done.id)
    with pytest.raises(NotFoundError):
        store.read_now(service.open_directive, people["quantri"], POLICY, done.id)
    answer = store.write_now(service.register, people["camthuy"], POLICY, done.id)
    store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="x"))
    with pytest.raises(NotAllowedError):
        store.write_now(service.accept, people["camthuy"], POLICY, answer.id)
    with pytest.raises(NotFoundError):  # another unit's leader
        store.write_now(service.accept, people["chutich.camthuy"], POLICY, answer.id)
    assert not store.read_now(service.may_watch_board, people["camthuy"], done.id)
    assert store.read_now(service.may_watch_board, people["vanthu"], done.id)


@pytest.mark.parametrize("text", ["", "  \n", "TỐI MẬT: tình hình", "a\u202eb"])
def test_a_report_says_something_and_no_secret(
    store: Store, people: dict[str, Principal], communes: list[int], text: str
) -> None:
    done = issue(store, people["chutich"], communes)
    store.write_now(service.register, people["camthuy"], POLICY, done.id)
    with pytest.raises(UserError):
        store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text=text))
    assert delivery(store, done.id, communes[0]).state == "REGISTERED"


# ---- in time or late


def test_counts_and_lateness(store: Store, people: dict[str, Principal], communes: list[int], clock: Clock) -> None:
    clock.set(datetime(2026, 11, 25, 1, 0, tzinfo=UTC))  # Wednesday 08:00
    done = issue(store, people["chutich"], communes, deadline=datetime(2026, 11, 30, 10, 0, tzinfo=UTC))
    store.write_now(service.register, people["camthuy"], POLICY, done.id)

    def counts() -> tuple[int, ...]:
        found = store.read_now(service.open_directive, people["chutich"], POLICY, done.id).counts
        assert found is not None
        return found.sent, found.arrived, found.seen, found.registered, found.reported, found.overdue

    assert counts() == (2, 1, 1, 1, 0, 0)
    clock.set(datetime(2026, 11, 26, 10, 1, tzinfo=UTC))  # Thursday 17:01: T1 has passed
    assert counts() == (2, 1, 1, 1, 0, 1)
    late = store.read_now(service.late, people["chutich"], POLICY, 5)
    assert [line.delivery.unit for line in late.lines] == [communes[1]]
    assert (late.more, late.by_unit) == (0, {communes[1]: 1})
    clock.set(datetime(2026, 11, 30, 10, 1, tzinfo=UTC))  # T3 has passed
    assert counts() == (2, 1, 1, 1, 0, 2)
    late = store.read_now(service.late, people["chutich"], POLICY, 1)
    assert [line.delivery.unit for line in late.lines] == [communes[1]]  # T1 passed before T3
    assert (late.more, late.by_unit) == (1, dict.fromkeys(communes, 1))
    store.write_now(service.report, people["camthuy"], POLICY, done.id, ReportInput(text="Muộn."))
    assert counts() == (2, 1, 1, 1, 1, 1)
    opened = store.read_now(service.open_directive, people["camthuy"], POLICY, done.id)
    assert opened.delivery is not None
    assert opened.delivery.timeliness == "DONE_LATE"


def test_the_inbox_is_ordered_by_what_is_due(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    later = issue(store, people["chutich"], communes, subject="Sau")
    sooner = issue(store, people["chutich"], communes, subject="Trước", urgency=Urgency.FLASH)
    lines = store.read_now(service.inbox, people["camthuy"], POLICY).deliveries
    assert [line.directive for line in lines] == [sooner.id, later.id]
    assert store.read_now(service.unread, communes[0]) == 2
    store.write_now(service.see, people["camthuy"], later.id)
    assert store.read_now(service.unread, communes[0]) == 1
    assert store.read_now(service.inbox, people["camthuy"], POLICY, done=True).deliveries == []


def test_old_directives_keep_the_names_of_their_day(
    store: Store, people: dict[str, Principal], communes: list[int], clock: Clock
) -> None:
    from server.units.model import version_table

    done = issue(store, people["chutich"], communes[:1])
    clock.advance(days=30)

    def rename(tx: Any) -> None:
        v = version_table.c
        row = tx.one(sa.select(version_table).where(v.unit_id == communes[0], v.valid_to.is_(None)))
        values = {name: row._mapping[name] for name in ("short_name", "level", "bloc", "parent_id")}
        day = tx.now.date()
        tx.execute(sa.update(version_table).where(v.id == row.id).values(valid_to=day))
        tx.insert(version_table, unit_id=communes[0], name="Xã Mới", valid_from=day, recorded_at=tx.now, **values)

    store.write_now(rename)
    board = store.read_now(service.open_directive, people["chutich"], POLICY, done.id).board
    assert board is not None
    assert [line.unit_name for line in board] == ["Xã Cam Thủy"]


def test_every_change_is_in_the_history(store: Store, people: dict[str, Principal], communes: list[int]) -> None:
    done = issue(store, people["chutich"], communes)
    store.write_now(service.arrived, dict.fromkeys(communes, 1))
    store.write_now(service.see, people["camthuy"], done.id)
    store.write_now(service.see, people["vanthu.camthuy"], done.id)
    rows = store.read_now(lambda tx: tx.all(sa.select(change_table).order_by(change_table.c.id)))
    assert [(row.event, row.before, row.after, row.account_name) for row in rows] == [
        ("arrive", "SENT", "ARRIVED", None),
        ("arrive", "SENT", "ARRIVED", None),
        ("see", "ARRIVED", "SEEN", people["camthuy"].name),
    ]
