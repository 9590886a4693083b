"""More of the demo district: an exercise, what is signed for a later moment, what came from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from server.accounts import service as accounts
from server.accounts.principal import Principal
from server.directives import service
from server.directives.demo_diary import Diary, Issued, deadline_in, to
from server.directives.documents import DocumentType, Urgency
from server.directives.edxml.message import Business, Document, Organ, Staff, make_document_id
from server.directives.rules import RecipientRole, Relation
from server.directives.shapes import DraftInput, Recipient, ReportInput, ScheduleInput, Upload
from server.units import service as units

_VILLAGES = 10
"""Of each commune."""


def exercise(diary: Diary, leader: Principal, clerks: Sequence[Principal], commune: Principal) -> None:
    """An exercise that most communes have registered, and one of them has sent on to its villages."""
    tx, policy, now, above = diary.tx, diary.policy, diary.now, Issued()
    draft = DraftInput(
        kind=DocumentType.CONG_DIEN,
        subject="Diễn tập báo động sơ tán dân vùng hạ du hồ chứa",
        body="Giả định mực nước hồ vượt mức báo động 3. Các xã, thị trấn kích hoạt phương án sơ tán, báo cáo số hộ và "
        "thời gian tập trung lực lượng. Không di chuyển dân thật.",
        urgency=Urgency.URGENT,
        deadline=deadline_in(policy, now, 30),
        recipients=to(clerks),
        exercise=True,
    )

    def send_on() -> None:
        below = [Recipient(unit=unit.id) for unit in units.descendants(tx, commune.unit_id)]
        tied = {"kind": DocumentType.THONG_BAO, "relation": Relation.FORWARDS, "related": above.id}
        Issued().issue(diary, commune, msgspec.structs.replace(draft, recipients=below, **tied))

    def register(clerk: Principal) -> None:
        service.register(tx, clerk, policy, above.id)

    diary.at(now - timedelta(minutes=50), lambda: above.issue(diary, leader, draft))
    for place, clerk in enumerate(clerks[:6]):
        diary.at(now - timedelta(minutes=45 - place), partial(register, clerk))
    diary.at(now - timedelta(minutes=15), send_on)


def down_to_the_villages(
    diary: Diary, leader: Principal, party: Principal, communes: Sequence[str], papers: Sequence[Upload]
) -> None:
    """One for everybody: organs without a device, communes, and villages of half of them, some late."""
    tx, policy, issued, sent = diary.tx, diary.policy, Issued(), diary.now - timedelta(hours=80)
    codes = ("468.HND", "468.LHPN")
    organs = [unit.id for unit in units.children(tx, leader.unit_id) if unit.code in codes]
    clerks = [accounts.principal_of(tx, f"vanthu.{slug}") for slug in communes]
    heads = [accounts.principal_of(tx, f"thon{n}.{slug}") for slug in communes[:4] for n in range(1, _VILLAGES + 1)]
    draft = DraftInput(
        kind=DocumentType.KE_HOACH,
        subject="Tổng kiểm kê nhà tránh lũ, xuồng, áo phao đến từng thôn, khu phố trước mùa mưa bão",
        body="Các thôn, khu phố kiểm đếm, chụp ảnh hiện trạng; các xã, thị trấn tổng hợp. Hội Nông dân, Hội Phụ nữ vận "
        "động hội viên tự trang bị áo phao.",
        recipients=[
            *to([party], RecipientRole.INFO),
            *(Recipient(unit=unit) for unit in organs),
            *to([*clerks, *heads]),
        ],
        deadline=deadline_in(policy, diary.now, 24 * 4),
    )

    def handle(place: int, who: Principal) -> None:
        service.see(tx, who, issued.id)
        if place % 23 == 7:
            return
        service.register(tx, who, policy, issued.id)
        if place % 5 == 0:
            service.report(tx, who, policy, issued.id, ReportInput(text="Đã kiểm kê xong, không thiếu."))

    diary.at(sent, lambda: issued.issue(diary, leader, draft, papers))
    diary.at(sent + timedelta(minutes=9), lambda: service.see(tx, party, issued.id))
    for place, who in enumerate([*clerks, *heads]):
        diary.at(sent + timedelta(minutes=20 * (1 + place)), partial(handle, place, who))


def signed_for_later(diary: Diary, leader: Principal, clerk: Principal, clerks: Sequence[Principal]) -> None:
    """One that will go out tomorrow, and one that came back because its deadline had passed meanwhile."""
    tx, policy, now = diary.tx, diary.policy, diary.now
    today = now.astimezone(policy.zone).date()
    opens = datetime.combine(policy.calendar.working_day_after(today, 1), policy.calendar.hours[0][0], policy.zone)
    tomorrow = DraftInput(
        kind=DocumentType.THONG_BAO,
        subject="Lịch trực lãnh đạo, trực ban phòng, chống thiên tai tuần tới",
        body="Các xã, thị trấn cử người trực 24/24 giờ và gửi danh sách về Văn phòng UBND huyện.",
        recipients=to(clerks),
        deadline=deadline_in(policy, now, 24 * 5),
    )
    overtaken = DraftInput(
        kind=DocumentType.GIAY_MOI,
        subject="Mời dự họp rà soát tiến độ giải phóng mặt bằng đường liên xã",
        body="Kính mời lãnh đạo UBND các xã, thị trấn dự họp tại phòng họp số 1.",
        recipients=to(clerks),
        deadline=deadline_in(policy, now, -2),
    )

    def sign(draft: DraftInput, at: datetime) -> None:
        made = service.create_draft(tx, clerk, policy, draft).id
        service.schedule(tx, leader, made, ScheduleInput(at=at))

    diary.at(now - timedelta(hours=5), lambda: sign(overtaken, now - timedelta(hours=4)))
    diary.at(now, lambda: service.issue_due(tx, policy))  # the leader holds the office from now on, not from before
    diary.at(now - timedelta(minutes=30), lambda: sign(tomorrow, opens))


def from_the_province(diary: Diary, clerk: Principal) -> None:
    """Documents of the province that came as edXML: a draft from which the clerk goes on, and one that is recalled."""
    policy, at = diary.policy, diary.now - timedelta(hours=6)
    day = at.astimezone(policy.zone).date()
    document = Document(
        document_id=make_document_id("H50", day, "1875/UBND-NN"),
        sender=Organ("H50", "UBND tỉnh Quảng Trị"),
        number="1875",
        notation="UBND-NN",
        promulgated_on=day,
        type_name="Công văn",
        subject="Về việc triển khai Tết trồng cây năm 2027",
        content="UBND tỉnh đề nghị UBND các huyện xây dựng kế hoạch, chuẩn bị cây giống và giao chỉ tiêu đến từng xã.",
        signer="Nguyễn Văn Mẫu",
        position="Phó Chủ tịch",
        at=at,
        staff=Staff("Văn phòng UBND tỉnh", "Lê Thị Mẫu"),
    )
    mistaken = msgspec.structs.replace(
        document,
        document_id=make_document_id("H50", day, "1868/UBND-NN"),
        number="1868",
        subject="Về việc chuẩn bị trồng rừng ven biển vụ Đông năm 2026",
    )
    withdrawn = {"business": Business.RECALL, "reason": "Ghi nhầm nơi nhận", "concerns": mistaken.document_id}
    recall = msgspec.structs.replace(mistaken, **withdrawn)
    for minutes, message in enumerate((document, mistaken, recall)):
        take = partial(service.take_edxml, diary.tx, clerk, policy, message, f"{minutes}" * 64)
        diary.at(at + timedelta(minutes=minutes), take)
