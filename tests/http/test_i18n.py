"""Languages: the cookie decides, then the account, then Vietnamese; a missing translation shows the Vietnamese."""

from pathlib import Path

from aiohttp.test_utils import make_mocked_request

from server.http.i18n import catalogue, choose_language, in_context, translator


def test_catalogues_of_a_folder_are_merged(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (tmp_path / "en" / "a.po").write_text(header + 'msgid "Vào họp"\nmsgstr "Join"\n', "utf-8")
    (tmp_path / "en" / "b.po").write_text(header + 'msgid "Rời"\nmsgstr "Leave"\n\nmsgid "Trống"\nmsgstr ""\n', "utf-8")
    assert dict(catalogue("en", tmp_path)) == {"Vào họp": "Join", "Rời": "Leave"}
    assert catalogue("vi", tmp_path) == {}


def test_a_missing_translation_shows_the_vietnamese() -> None:
    assert translator("en")("không có trong từ điển") == "không có trong từ điển"


def test_one_text_has_two_meanings_by_its_context() -> None:
    english = translator("en")
    assert english("Chương trình") == "Agenda"
    assert english(in_context("document type", "Chương trình")) == "Programme"
    assert translator("vi")(in_context("document type", "Chương trình")) == "Chương trình"


def test_the_cookie_decides_if_it_is_a_language() -> None:
    assert choose_language(make_mocked_request("GET", "/", headers={"Cookie": "language=en"})) == "en"
    assert choose_language(make_mocked_request("GET", "/", headers={"Cookie": "language=../x"})) == "vi"
    assert choose_language(make_mocked_request("GET", "/")) == "vi"
