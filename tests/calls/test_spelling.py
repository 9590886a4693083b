"""How texts are read aloud, as tables of what is written and what is said."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.calls.dates import moment
from server.calls.numerals import cardinal, digits
from server.calls.spelling import pieces, spoken

NUMBERS = {
    0: "không", 1: "một", 4: "bốn", 10: "mười", 11: "mười một", 14: "mười bốn", 15: "mười lăm", 20: "hai mươi",
    21: "hai mươi mốt", 24: "hai mươi tư", 25: "hai mươi lăm", 30: "ba mươi", 99: "chín mươi chín", 100: "một trăm",
    101: "một trăm linh một", 105: "một trăm linh năm", 110: "một trăm mười", 115: "một trăm mười lăm",
    121: "một trăm hai mươi mốt", 1_000: "một nghìn", 1_005: "một nghìn không trăm linh năm",
    1_927: "một nghìn chín trăm hai mươi bảy", 2_026: "hai nghìn không trăm hai mươi sáu",
    10_000: "mười nghìn", 100_001: "một trăm nghìn không trăm linh một", 1_000_000: "một triệu",
    1_000_005: "một triệu không trăm linh năm", 2_500_000: "hai triệu năm trăm nghìn",
    3_000_000_000: "ba tỷ", -7: "âm bảy",
}  # fmt: skip

SENTENCES = {
    "15/11/2026, 14:00": "ngày mười lăm tháng mười một năm hai nghìn không trăm hai mươi sáu, mười bốn giờ",
    "Trước ngày 05/04/2026": "Trước ngày mùng năm tháng tư năm hai nghìn không trăm hai mươi sáu",
    "chiều 24/11 họp": "chiều hai mươi tư tháng mười một họp",
    "số 12/CĐ-UBND": "số mười hai, công điện, Ủy ban nhân dân",
    "số 190-KH/TU": "số một trăm chín mươi, kế hoạch, Tỉnh ủy",
    "Nghị định 30/2020/NĐ-CP": "Nghị định ba mươi, năm hai nghìn không trăm hai mươi, nghị định, Chính phủ",
    "DT-05/KH-UBND": "diễn tập năm, kế hoạch, Ủy ban nhân dân",
    "UBND xã Cam Thủy": "Ủy ban nhân dân xã Cam Thủy",
    "lúc 19h30": "lúc mười chín giờ ba mươi phút",
    "lúc 7g": "lúc bảy giờ",
    "trực ban 24/24 giờ": "trực ban hai mươi tư trên hai mươi tư giờ",
    "Mưa 150–250 mm trong 48 giờ": "Mưa một trăm năm mươi đến hai trăm năm mươi mi li mét trong bốn mươi tám giờ",
    "1.927 hộ": "một nghìn chín trăm hai mươi bảy hộ",
    "ngập 0,6 m": "ngập không phẩy sáu mét",
    "đạt 91,8%": "đạt chín mươi mốt phẩy tám phần trăm",
    "1,05 triệu": "một phẩy không năm triệu",
    "Gọi 0233 3873 100": "Gọi không hai ba, ba ba tám, bảy ba một, không không",
    "V/v PCCC rừng": "Về việc phòng cháy chữa cháy rừng",
    "2026–2027": "hai nghìn không trăm hai mươi sáu đến hai nghìn không trăm hai mươi bảy",
    "Thôn Tân Trang": "Thôn Tân Trang",
    "hai dòng\nliền nhau": "hai dòng. liền nhau",
}


LINES = {
    "Quy hoạch 300 m2 đất làm điểm tập kết rác, hoàn thành trước 15-11-2026.":
        "Quy hoạch ba trăm mét vuông đất làm điểm tập kết rác, hoàn thành trước ngày mười lăm tháng mười một năm hai "
        "nghìn không trăm hai mươi sáu.",
    "Hồ Bảo Đài xả với lưu lượng từ 1.200 m3/s đến 1.500m3/s.":
        "Hồ Bảo Đài xả với lưu lượng từ một nghìn hai trăm mét khối trên giây đến một nghìn năm trăm mét khối trên "
        "giây.",
    "Vùng bị chia cắt rộng 3 km2, nước sâu 0,5-0,8m.":
        "Vùng bị chia cắt rộng ba ki lô mét vuông, nước sâu không phẩy năm đến không phẩy tám mét.",
    "Lượng mưa phổ biến 100-250mm, có nơi trên 400 mm/24h.":
        "Lượng mưa phổ biến một trăm đến hai trăm năm mươi mi li mét, có nơi trên bốn trăm mi li mét trong hai mươi "
        "tư giờ.",
    "Cảnh báo mưa cường suất trên 100mm trong 3h, 40 mm/h.":
        "Cảnh báo mưa cường suất trên một trăm mi li mét trong ba giờ, bốn mươi mi li mét trên giờ.",
    "Đến 11 giờ 30 phút ngày 17/11, trạm Khe Sanh đo được 372.8mm.":
        "Đến mười một giờ ba mươi phút ngày mười bảy tháng mười một, trạm Khe Sanh đo được ba trăm bảy mươi hai phẩy "
        "tám mi li mét.",
    "Mực nước sông Thạch Hãn lúc 07h00 là 6,08m, trên BĐ3 0,08m.":
        "Mực nước sông Thạch Hãn lúc bảy giờ là sáu phẩy không tám mét, trên báo động ba không phẩy không tám mét.",
    "Dự báo đỉnh lũ trên báo động II, có thể lên mức III.": "Dự báo đỉnh lũ trên báo động hai, có thể lên mức ba.",
    "Gió cấp 8-9, giật cấp 11, di chuyển 15-20km/h.":
        "Gió cấp tám đến chín, giật cấp mười một, di chuyển mười lăm đến hai mươi ki lô mét trên giờ.",
    "Từ sáng sớm 27/10 đến đêm 28/10 cấm người qua ngầm tràn.":
        "Từ sáng sớm hai mươi bảy tháng mười đến đêm hai mươi tám tháng mười cấm người qua ngầm tràn.",
    "Sạt lở tại Km6+300 ĐT.587 và Km 9 QL9, khối lượng 60m³.":
        "Sạt lở tại ki lô mét sáu cộng ba trăm đường tỉnh năm trăm tám mươi bảy và ki lô mét chín quốc lộ chín, khối "
        "lượng sáu mươi mét khối.",
    "Đã sơ tán 217 hộ/813 nhân khẩu; 2/3 số hộ đã về nhà.":
        "Đã sơ tán hai trăm mười bảy hộ với tám trăm mười ba nhân khẩu; hai phần ba số hộ đã về nhà.",
    "Báo cáo về UBND huyện, hạn 5/12.": "Báo cáo về Ủy ban nhân dân huyện, hạn mùng năm tháng mười hai.",
    "Hạn nộp: 17h00 ngày 02/12/2026.":
        "Hạn nộp: mười bảy giờ ngày mùng hai tháng mười hai năm hai nghìn không trăm hai mươi sáu.",
    "Các thôn nộp danh sách trước 16h30, 28/11.":
        "Các thôn nộp danh sách trước mười sáu giờ ba mươi phút, hai mươi tám tháng mười một.",
    "Nghỉ lễ Quốc khánh 2/9, trực 24/24h.":
        "Nghỉ lễ Quốc khánh mùng hai tháng chín, trực hai mươi tư trên hai mươi tư giờ.",
    "Treo cờ dịp lễ 30/4 và 1/5.": "Treo cờ dịp lễ ba mươi tháng tư và mùng một tháng năm.",
    "Nghỉ từ 31/8 đến hết 3/9.": "Nghỉ từ ba mươi mốt tháng tám đến hết mùng ba tháng chín.",
    "Trực bão 24/24 giờ, 7/7 ngày.": "Trực bão hai mươi tư trên hai mươi tư giờ, bảy trên bảy ngày.",
    "Đến nay 5/12 xã đã nộp; 2/9 chỉ tiêu chưa đạt.":
        "Đến nay năm trên mười hai xã đã nộp; hai trên chín chỉ tiêu chưa đạt.",
    "Hoàn thành 3/4 khối lượng, đạt 75,5%.": "Hoàn thành ba phần tư khối lượng, đạt bảy mươi lăm phẩy năm phần trăm.",
    "Họp lúc 7h30-11h30 thứ Hai, 16/11.":
        "Họp lúc bảy giờ ba mươi phút đến mười một giờ ba mươi phút thứ Hai, mười sáu tháng mười một.",
    "Diễn tập ngày 15-16/11/2026.":
        "Diễn tập ngày mười lăm đến mười sáu tháng mười một năm hai nghìn không trăm hai mươi sáu.",
    "Tập huấn ngày 20-22 tháng 4.": "Tập huấn ngày hai mươi đến hai mươi hai tháng tư.",
    "Kế hoạch tháng 11/2026 và quý IV/2026.":
        "Kế hoạch tháng mười một năm hai nghìn không trăm hai mươi sáu và quý bốn năm hai nghìn không trăm hai mươi "
        "sáu.",
    "Căn cứ Luật số 27/2025/QH15 và Nghị định 66/2025/NĐ-CP.":
        "Căn cứ Luật số hai mươi bảy, năm hai nghìn không trăm hai mươi lăm, Quốc hội khóa mười lăm và Nghị định sáu "
        "mươi sáu, năm hai nghìn không trăm hai mươi lăm, nghị định, Chính phủ.",
    "Thực hiện Công điện số 08/CĐ-UBND ngày 05 tháng 9 năm 2026.":
        "Thực hiện Công điện số tám, công điện, Ủy ban nhân dân ngày mùng năm tháng chín năm hai nghìn không trăm "
        "hai mươi sáu.",
    "Hỗ trợ 1,5 triệu đồng/hộ, 2 suất/thôn, 30.000đ/kg.":
        "Hỗ trợ một phẩy năm triệu đồng mỗi hộ, hai suất mỗi thôn, ba mươi nghìn đồng mỗi ki lô gam.",
    "Gieo 1.200 ha lúa, năng suất 58 tạ/ha, thiệt hại 30-70%.":
        "Gieo một nghìn hai trăm héc ta lúa, năng suất năm mươi tám tạ mỗi héc ta, thiệt hại ba mươi đến bảy mươi "
        "phần trăm.",
    "Nhiệt độ thấp nhất 12-14°C, vùng núi dưới 10oC.":
        "Nhiệt độ thấp nhất mười hai đến mười bốn độ C, vùng núi dưới mười độ C.",
    "Mỗi km đê cử 3-5 người/ca; dự phòng 2 nghìn m3 đất.":
        "Mỗi ki lô mét đê cử ba đến năm người mỗi ca; dự phòng hai nghìn mét khối đất.",
    "Bản đồ tỷ lệ 1/10.000; nhà số 12/3 đường Hùng Vương.":
        "Bản đồ tỷ lệ một trên mười nghìn; nhà số mười hai trên ba đường Hùng Vương.",
    "Gọi trực ban 0233.3873.100 hoặc 0912 345 678.":
        "Gọi trực ban không hai ba, ba ba tám, bảy ba một, không không hoặc không chín một, hai ba bốn, năm sáu bảy, "
        "tám.",
    "Lễ 2-9 và 30-4; tối nay 15-11; từ ngày 10-12.":
        "Lễ mùng hai tháng chín và ba mươi tháng tư; tối nay mười lăm tháng mười một; từ ngày mười đến mười hai.",
    "Chậm nhất 17 giờ 00 phút Chủ nhật, 22/11.": "Chậm nhất mười bảy giờ Chủ nhật, hai mươi hai tháng mười một.",
    "Giữ hồ Ái Tử ở cao trình +12,5 m, dung tích 8,2/15,4 triệu m3.":
        "Giữ hồ Ái Tử ở cao trình cộng mười hai phẩy năm mét, dung tích tám phẩy hai trên mười lăm phẩy bốn triệu "
        "mét khối.",
    "Từ 28/11-02/12, trực 2 ca/ngày, mỗi ca 8 giờ.":
        "Từ hai mươi tám tháng mười một đến mùng hai tháng mười hai, trực hai ca mỗi ngày, mỗi ca tám giờ.",
    "kỷ niệm 50 năm Ngày giải phóng miền Nam (30/4/1975 - 30/4/2025)":
        "kỷ niệm năm mươi năm Ngày giải phóng miền Nam (ngày ba mươi tháng tư năm một nghìn chín trăm bảy mươi lăm "
        "đến ba mươi tháng tư năm hai nghìn không trăm hai mươi lăm)",
    "Đến 2/3 diện tích đã gặt; hạn nộp báo cáo 20/12.":
        "Đến hai phần ba diện tích đã gặt; hạn nộp báo cáo hai mươi tháng mười hai.",
    "Từ tháng 10-11/2026, xử lý 12 ha/15 ha rừng cháy.":
        "Từ tháng mười đến tháng mười một năm hai nghìn không trăm hai mươi sáu, xử lý mười hai héc ta trên mười lăm "
        "héc ta rừng cháy.",
    "Tổng kết ngày 02.9.2026 tại nhà văn hóa thôn 3, từ 8-10h.":
        "Tổng kết ngày mùng hai tháng chín năm hai nghìn không trăm hai mươi sáu tại nhà văn hóa thôn ba, từ tám đến "
        "mười giờ.",
}  # fmt: skip
"""As they stand in directives on floods, duty and statistics, and as a broadcaster would say them."""


@pytest.mark.parametrize(("value", "words"), NUMBERS.items())
def test_numbers(value: int, words: str) -> None:
    assert cardinal(value) == words


@pytest.mark.parametrize(("written", "said"), SENTENCES.items())
def test_sentences(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(("written", "said"), LINES.items())
def test_lines_of_directives(written: str, said: str) -> None:
    assert spoken(written) == said


PARTS = {
    "2/9": "hai phần chín", "tỷ lệ 3/4": "tỷ lệ ba phần tư", "tăng đến 2/3": "tăng đến hai phần ba",
    "đến 2/3 số hộ": "đến hai phần ba số hộ", "giới hạn 2/3": "giới hạn hai phần ba", "2/3 ha": "hai phần ba héc ta",
    "2/9 chỉ tiêu": "hai trên chín chỉ tiêu", "số 2/9": "số hai trên chín", "9/2": "chín trên hai",
    "dịp 2/9": "dịp mùng hai tháng chín", "đến 2/9": "đến mùng hai tháng chín", "mùng 2/9": "mùng hai tháng chín",
    "trước 2/9": "trước mùng hai tháng chín", "lễ 2-9": "lễ mùng hai tháng chín", "ngày 2-9": "ngày hai đến chín",
    "thứ tự 1/2": "thứ tự một phần hai", "thứ Tư 1/2": "thứ Tư mùng một tháng hai",
    "Ngày Quốc tế Lao động 01/5": "Ngày Quốc tế Lao động mùng một tháng năm",
    "tối nay 15-11": "tối nay mười lăm tháng mười một", "17h 2/9": "mười bảy giờ mùng hai tháng chín",
}  # fmt: skip


@pytest.mark.parametrize(("written", "said"), PARTS.items())
def test_a_day_is_one_by_the_words_before_it(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("written", ["", "  ", "A5B", "\0\0", "///", "1.2.3.4", "0/0/0000", "12/12/12/12", "9" * 400])
def test_what_no_rule_knows_does_no_harm(written: str) -> None:
    assert "\0" not in spoken(written)


def test_a_moment() -> None:
    at = datetime(2026, 11, 15, 14, 0)
    assert moment(at) == "mười bốn giờ, ngày mười lăm tháng mười một năm hai nghìn không trăm hai mươi sáu"


@pytest.mark.parametrize("text", ["1" * 5_000, "1/" + "2" * 5_000, "9" * 5_000 + " m2", "1." + "000." * 2_000 + "000"])
def test_a_long_run_of_digits_is_read_digit_by_digit(text: str) -> None:
    """Python reads no number of more than 4,300 digits."""
    assert not any(letter.isdigit() for letter in spoken(text))
    assert spoken("1" * 19) == digits("1" * 19)


@given(st.integers(0, 10**18 - 1))
def test_every_number_has_words_that_differ_from_its_neighbour_s(value: int) -> None:
    assert cardinal(value).strip() and cardinal(value) != cardinal(value + 1)
    assert not any(letter.isdigit() for letter in cardinal(value))


@given(st.text(alphabet="0123456789/-:.,hg%mUBNDĐkv²³°CsaKIVX+ \n–", max_size=60))
def test_any_text_is_read(text: str) -> None:
    said = spoken(text)
    assert "\0" not in said
    assert bool(said) == bool(text.strip())


@given(st.text(max_size=2_000))
def test_pieces_lose_nothing(text: str) -> None:
    found = pieces(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(0 < len(piece) <= 302 for piece in found)


def test_pieces_end_where_sentences_do() -> None:
    assert pieces("Một câu. " * 100)[0].endswith("câu.")
    assert digits("0912") == "không chín một, hai"
