"""Directives of the demo district, in every state that people meet; dates are relative to the first start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import msgspec
import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.principal import Principal
from server.calls import log, numbers
from server.calls.rules import Direction, Outcome, Purpose
from server.directives import demo_more, service
from server.directives.demo_diary import Diary, Issued, deadline_in, to
from server.directives.documents import DocumentType, Urgency
from server.directives.model import directive_table
from server.directives.policy import Policy
from server.directives.questions import Answer, Question, QuestionKind
from server.directives.rules import RecipientRole, Relation, Through
from server.directives.shapes import DraftInput, ExtensionInput, RecallInput, Recipient, ReportInput, Upload
from server.store import Transaction, events
from server.units import service as units

_SLUGS = ("camlo-tt", "camtuyen", "thanhan", "camthuy", "camthanh", "camhieu", "camchinh", "camnghia")


class _Example(msgspec.Struct, frozen=True, kw_only=True):
    """One directive to all communes; the counts say how many of them came how far, the first ones farthest."""

    kind: DocumentType
    subject: str
    body: str
    sent_hours_ago: float
    due_in_hours: float | None
    urgency: Urgency = Urgency.NORMAL
    role: RecipientRole = RecipientRole.EXECUTE
    arrived: int = 8
    seen: int = 8
    registered: int = 8
    reported: int = 0
    accepted: int = 0
    questions: list[Question] = []


_EXAMPLES = (
    _Example(
        kind=DocumentType.KE_HOACH,
        subject="Kế hoạch ra quân làm thủy lợi nội đồng vụ Đông Xuân 2026–2027",
        body="Các xã, thị trấn tổ chức nạo vét kênh mương nội đồng, gia cố bờ vùng, bờ thửa xong trước khi gieo cấy. "
        "Báo cáo khối lượng đã làm, số ngày công huy động và khó khăn cần huyện hỗ trợ.",
        sent_hours_ago=24 * 12,
        due_in_hours=-24 * 3,
        reported=7,
        accepted=6,
    ),
    _Example(
        kind=DocumentType.CONG_VAN,
        subject="Về việc rà soát hộ nghèo, hộ cận nghèo năm 2026 theo chuẩn nghèo đa chiều",
        body="Đề nghị UBND các xã, thị trấn rà soát, lập danh sách hộ nghèo, hộ cận nghèo, niêm yết công khai tại nhà "
        "sinh hoạt cộng đồng và gửi kết quả về huyện.",
        sent_hours_ago=24 * 6,
        due_in_hours=26,
        seen=8,
        registered=7,
        reported=3,
        accepted=1,
    ),
    _Example(
        kind=DocumentType.CONG_DIEN,
        subject="Ứng phó mưa lớn, lũ trên sông Hiếu và ngập lụt vùng thấp trũng",
        body="Mưa lớn dự báo 150–250 mm trong 48 giờ tới. Các xã, thị trấn trực ban 24/24 giờ, kiểm tra các ngầm tràn, "
        "sẵn sàng di dời dân vùng thấp trũng. Báo cáo ngay số hộ cần di dời.",
        sent_hours_ago=3,
        due_in_hours=5,
        urgency=Urgency.FLASH,
        arrived=8,
        seen=6,
        registered=5,
        reported=2,
        questions=[
            Question(kind=QuestionKind.NUMBER, label="Số hộ cần di dời", unit="hộ"),
            Question(
                kind=QuestionKind.CHOICE,
                label="Đơn vị đã trực ban 24/24 giờ chưa?",
                parts=["Đã trực", "Chưa trực"],
            ),
            Question(
                kind=QuestionKind.TABLE,
                label="Các ngầm tràn, điểm ngập phải cắt đường",
                parts=["Tên, vị trí", "Mức ngập (m)"],
                required=False,
            ),
            Question(kind=QuestionKind.FILE, label="Ảnh hiện trường", required=False),
        ],
    ),
    _Example(
        kind=DocumentType.THONG_BAO,
        subject="Lịch tiếp công dân của lãnh đạo UBND huyện tháng 12 năm 2026",
        body="Lãnh đạo UBND huyện tiếp công dân định kỳ vào ngày 10 và ngày 25 tại Trụ sở tiếp công dân huyện. "
        "Đề nghị các xã, thị trấn thông báo đến nhân dân.",
        sent_hours_ago=30,
        due_in_hours=None,
        role=RecipientRole.INFO,
        seen=5,
        registered=4,
    ),
)
_WAITING = DraftInput(
    kind=DocumentType.CHI_THI,
    subject="Tăng cường công tác phòng cháy, chữa cháy rừng mùa khô năm 2027",
    body="Các xã, thị trấn có rừng kiện toàn tổ bảo vệ rừng, phát dọn đường băng cản lửa, trực gác vào giờ cao điểm.",
    recipients=[],
)
_ANSWER = "Đơn vị đã triển khai đến từng thôn, khu phố. Số liệu cụ thể có trong báo cáo kèm theo của UBND xã."


def is_seeded(tx: Transaction) -> bool:
    """Whether there is any directive."""
    return tx.one(sa.select(directive_table.c.id).limit(1)) is not None


def seed(tx: Transaction, policy: Policy, papers: Sequence[Upload] = ()) -> None:
    """Write, issue, receive and answer as people would, each step at its own time; `papers` go with one of them."""
    diary = Diary(tx, policy)
    leader, clerk = (accounts.principal_of(tx, name) for name in ("chutich", "vanthu"))
    clerks = [accounts.principal_of(tx, f"vanthu.{slug}") for slug in _SLUGS]
    issued = [_play(diary, example, leader, clerks) for example in _EXAMPLES]
    _corrected(diary, leader, clerks)
    _waiting(diary, clerk, clerks)
    _more_time(diary, issued[1], clerks[4])
    _to_villages(diary, accounts.principal_of(tx, "chutich.camthuy"))
    demo_more.exercise(diary, leader, clerks, accounts.principal_of(tx, "chutich.camhieu"))
    demo_more.down_to_the_villages(diary, leader, accounts.principal_of(tx, "bithu"), _SLUGS, papers)
    demo_more.signed_for_later(diary, leader, clerk, clerks)
    demo_more.from_the_province(diary, clerk)
    diary.live()


def _play(diary: Diary, example: _Example, leader: Principal, clerks: Sequence[Principal]) -> Issued:
    tx, policy, now, issued = diary.tx, diary.policy, diary.now, Issued()
    begin = now - timedelta(hours=example.sent_hours_ago)
    pace = timedelta(hours=example.sent_hours_ago) / 40  # every step of every commune has happened by now
    draft = DraftInput(
        kind=example.kind,
        subject=example.subject,
        body=example.body,
        urgency=example.urgency,
        deadline=deadline_in(policy, now, example.due_in_hours),
        recipients=to(clerks, example.role),
        questions=example.questions,
    )
    diary.at(begin, lambda: issued.issue(diary, leader, draft))

    def receive(place: int, clerk: Principal) -> None:
        if place < example.arrived:
            service.arrived(tx, {clerk.unit_id: _head(tx, clerk.unit_id)})
        if place < example.seen:
            service.see(tx, clerk, issued.id)

    def register(clerk: Principal) -> None:
        service.register(tx, clerk, policy, issued.id)

    def report(place: int, clerk: Principal) -> None:
        data = ReportInput(text=_ANSWER, answers=_answers(example, place))
        delivery = service.report(tx, clerk, policy, issued.id, data).id
        if place < example.accepted:
            tx.now += pace
            service.accept(tx, leader, policy, delivery)

    for place, clerk in enumerate(clerks):
        diary.at(begin + pace * (1 + place), partial(receive, place, clerk))
        if place < example.registered:
            diary.at(begin + pace * (2 + place), partial(register, clerk))
    for place, clerk in enumerate(clerks[: example.reported]):
        diary.at(begin + pace * (12 + 2 * place), partial(report, place, clerk))
    return issued


def _answers(example: _Example, place: int) -> list[Answer]:
    """What the commune at `place` answers to the questions about the flood."""
    if not example.questions:
        return []
    return [
        Answer(question=1, number=34 + 12 * place),
        Answer(question=2, text="Đã trực"),
        Answer(question=3, rows=[["Ngầm tràn thôn 3", "0,6"], ["Đường vào trường tiểu học", "0,4"]][: 1 + place]),
    ]


def _head(tx: Transaction, unit_id: int) -> int:
    return events.head(tx.connection, unit_id)


def _corrected(diary: Diary, leader: Principal, clerks: Sequence[Principal]) -> None:
    """A document with a mistake, its replacement, and a recall of that from one commune."""
    tx, policy, now, old, new = diary.tx, diary.policy, diary.now, Issued(), Issued()
    wrong = DraftInput(
        kind=DocumentType.THONG_BAO,
        subject="Thông báo lịch tiêm phòng gia súc, gia cầm đợt 2 (ghi nhầm ngày tiêm của xã Cam Hiếu)",
        body="Các xã, thị trấn thông báo đến hộ chăn nuôi và bố trí người dẫn đường cho tổ tiêm phòng.",
        recipients=to(clerks, RecipientRole.EXECUTE),
        deadline=deadline_in(policy, now, 96),
    )
    right = "Thông báo lịch tiêm phòng gia súc, gia cầm đợt 2 năm 2026"

    def replace() -> None:
        changes = {"subject": right, "relation": Relation.REPLACES, "related": old.id}
        new.issue(diary, leader, msgspec.structs.replace(wrong, **changes))

    def recall() -> None:
        note = "Thị trấn tiêm cùng đợt với tổ của tỉnh"
        service.recall(tx, leader, policy, new.id, RecallInput(note=note, units=[clerks[0].unit_id]))

    def register(clerk: Principal) -> None:
        service.register(tx, clerk, policy, new.id)

    diary.at(now - timedelta(hours=50), lambda: old.issue(diary, leader, wrong))
    diary.at(now - timedelta(hours=28.5), replace)
    diary.at(now - timedelta(hours=27.5), partial(register, clerks[0]))
    diary.at(now - timedelta(hours=27), recall)
    for clerk in (clerks[1], clerks[2], clerks[4]):  # the others are late with it
        diary.at(now - timedelta(hours=26), partial(register, clerk))


def _waiting(diary: Diary, clerk: Principal, clerks: Sequence[Principal]) -> None:
    """A draft that waits for the leader."""
    tx, policy = diary.tx, diary.policy
    due = deadline_in(policy, diary.now, 240)
    draft = msgspec.structs.replace(_WAITING, recipients=to(clerks, RecipientRole.EXECUTE), deadline=due)

    def write() -> None:
        service.submit(tx, clerk, policy, service.create_draft(tx, clerk, policy, draft).id)

    diary.at(diary.now - timedelta(hours=1), write)


def _more_time(diary: Diary, poverty: Issued, clerk: Principal) -> None:
    """A request that nobody has decided."""
    until = deadline_in(diary.policy, diary.now, 24 * 5) or diary.now
    asked = ExtensionInput(reason="Hai thôn bị ngập, cán bộ chưa đến được từng hộ", until=until)
    ask = partial(service.ask_extension, diary.tx, clerk, diary.policy)
    diary.at(diary.now - timedelta(hours=2), lambda: ask(poverty.id, asked))


def _to_villages(diary: Diary, commune: Principal) -> None:
    """A commune's own notice to its villages, which have not opened it yet, but one that was called."""
    draft = DraftInput(
        kind=DocumentType.THONG_BAO,
        subject="Họp dân bàn việc sửa đường trục thôn, lúc 19 giờ 30 tối thứ Bảy tại nhà văn hóa thôn",
        body="Trưởng thôn mời mỗi hộ một người dự họp và chuẩn bị danh sách hộ tự nguyện hiến đất.",
        recipients=[Recipient(unit=unit.id) for unit in units.descendants(diary.tx, commune.unit_id)],
        deadline=deadline_in(diary.policy, diary.now, 72),
    )
    issued = Issued()
    diary.at(diary.now - timedelta(minutes=20), lambda: issued.issue(diary, commune, draft))
    _by_telephone(diary, issued, accounts.principal_of(diary.tx, "thon3.camthuy"))


def _by_telephone(diary: Diary, issued: Issued, head: Principal) -> None:
    """A village head without a device: not at home at the first call, confirms by a key in the second."""
    tx, number = diary.tx, "0233 3873 119"

    def call(outcome: Outcome) -> None:
        known = {"account_id": head.account_id, "unit_id": head.unit_id, "directive_id": issued.id}
        name = f"demo-{outcome}"
        row = log.begin(tx, name, Direction.OUT, Purpose.DIRECTIVE, numbers.clean(number), **known)
        if outcome is Outcome.CONFIRMED:
            log.answered(tx, row)
            tx.now += timedelta(seconds=50)
            service.register(tx, head, diary.policy, issued.id, through=Through.TELEPHONE)
        tx.now += timedelta(seconds=40)
        log.ended(tx, row, outcome, 480 if outcome is Outcome.NO_ANSWER else 200, None)

    diary.at(diary.now - timedelta(minutes=15), lambda: numbers.give(tx, head.account_id, number))
    diary.at(diary.now - timedelta(minutes=14), lambda: call(Outcome.NO_ANSWER))
    diary.at(diary.now - timedelta(minutes=9), lambda: call(Outcome.CONFIRMED))
