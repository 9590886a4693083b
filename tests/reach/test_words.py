"""Texts by channel: short messages fit, the exercise is marked, and the document itself never leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.reach.notice import NoticeKind
from server.reach.rules import Alphabet
from server.reach.sms import LIMITS, fitted, spelled, units
from server.reach.words import Words
from tests.reach.helpers import ZONE, notice

VI = Words("vi", ZONE, "https://giaoban.camlo.example/")
EN = Words("en", ZONE, "https://giaoban.camlo.example")


def test_a_short_message_says_number_subject_time_and_place_without_diacritics() -> None:
    text = VI.sms(notice(), Alphabet.GSM7)
    assert text == (
        "[HOA TOC] Chi dao moi 05/CD-UBND: Ung pho mua lon, ngap lut tren dia ban huyen. Han 14:00 24/11/2026. "
        "https://giaoban.camlo.example/directives/12"
    )
    assert units(text, Alphabet.GSM7) <= 160


def test_in_seventy_letters_the_link_goes_first() -> None:
    text = VI.sms(notice(), Alphabet.UCS2)
    assert units(text, Alphabet.UCS2) <= 70
    assert text.startswith("[HỎA TỐC] Chỉ đạo mới 05/CĐ-UBND: ")
    assert "https" not in text


def test_a_long_subject_is_cut_and_what_matters_stays() -> None:
    text = VI.sms(notice(subject="Ứng phó " * 60), Alphabet.GSM7)
    assert units(text, Alphabet.GSM7) <= 160
    assert "..." in text
    assert text.endswith("Han 14:00 24/11/2026. https://giaoban.camlo.example/directives/12")


@given(
    st.text(max_size=700), st.text(max_size=80), st.lists(st.text(max_size=200), max_size=3), st.sampled_from(Alphabet)
)
def test_whatever_is_said_it_fits_one_message(subject: str, head: str, tails: list[str], alphabet: Alphabet) -> None:
    text = fitted(head, subject, tails, alphabet)
    assert units(text, alphabet) <= LIMITS[alphabet]


@given(st.text())
def test_gsm_text_has_only_letters_of_its_alphabet(text: str) -> None:
    gsm = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€")
    gsm |= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    assert set(spelled(text, Alphabet.GSM7)) <= gsm


def test_letters_that_take_two_are_counted_twice() -> None:
    assert units("[a]", Alphabet.GSM7) == 5
    assert units("👍", Alphabet.UCS2) == 2


@pytest.mark.parametrize("words", [VI, EN])
def test_an_exercise_is_marked_on_every_channel(words: Words) -> None:
    drill = notice(exercise=True)
    mark = "[DIỄN TẬP]" if words is VI else "[EXERCISE]"
    assert words.mail_subject(drill).startswith(mark)
    assert words.message(drill).startswith(mark)
    assert words.push(drill).title.startswith(mark)
    assert words.sms(drill, Alphabet.GSM7).startswith(spelled(mark, Alphabet.GSM7))
    assert ("DIỄN TẬP" if words is VI else "EXERCISE") in words.mail_body(drill, "Hằng")


def test_the_body_of_a_message_by_mail() -> None:
    text = VI.mail_body(notice(), "Nguyễn Thị Hằng")
    assert text.splitlines()[0] == "Kính gửi đồng chí Nguyễn Thị Hằng,"
    for line in (
        "Số, ký hiệu: 05/CĐ-UBND",
        "Nơi ban hành: Ủy ban nhân dân huyện Cam Lộ",
        "Độ khẩn: Hỏa tốc",
        "Hạn: Thứ Ba 24/11/2026, 14:00",
        "Xem và xác nhận tại: https://giaoban.camlo.example/directives/12",
    ):
        assert line in text.splitlines()


def test_an_escalation_names_the_units_and_how_many_more() -> None:
    late = notice(kind=NoticeKind.ESCALATION, unit_names=("Cam Thủy", "Cam Hiếu"), units=5)
    assert "Đơn vị: Cam Thủy, Cam Hiếu và 3 đơn vị khác" in VI.mail_body(late, "Hằng")
    assert "Units: Cam Thủy, Cam Hiếu and 3 more" in EN.mail_body(late, "Hằng")


def test_a_notification_is_small_whatever_the_subject() -> None:
    shown = VI.push(notice(subject="Rất dài " * 100))
    assert len(shown.body) < 220
    assert shown.tag == "directive-12"
    assert shown.urgent


def test_a_subject_line_has_no_line_ends() -> None:
    assert "\n" not in VI.mail_subject(notice(subject="a\r\nBcc: x@y.vn"))


def test_a_code() -> None:
    code = notice(kind=NoticeKind.CODE, code="123456", urgency="NORMAL", number="", subject="")
    assert VI.sms(code, Alphabet.GSM7) == "Giao Ban: ma 123456"
    assert "123456" in VI.mail_body(code, "Hằng")
    assert "123456" in EN.message(code)
    assert "123456" not in VI.mail_subject(code)
