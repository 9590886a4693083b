"""Languages: the cookie decides, then the account, then Vietnamese; a missing translation shows the Vietnamese."""

from pathlib import Path

from aiohttp.test_utils import make_mocked_request

from server.http.i18n import catalogue, choose_language, counter, filled, in_context, translator


def test_catalogues_of_a_folder_are_merged(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (tmp_path / "en" / "a.po").write_text(header + 'msgid "Vào họp"\nmsgstr "Join"\n', "utf-8")
    (tmp_path / "en" / "b.po").write_text(header + 'msgid "Rời"\nmsgstr "Leave"\n\nmsgid "Trống"\nmsgstr ""\n', "utf-8")
    assert dict(catalogue("en", tmp_path)) == {"Vào họp": "Join", "Rời": "Leave"}
    assert catalogue("vi", tmp_path) == {}


def test_one_and_many() -> None:
    english = counter("en")
    word = "%(n)s văn bản"
    assert [english(word, word, n) for n in (0, 1, 2)] == ["%(n)s documents", "%(n)s document", "%(n)s documents"]
    assert counter("vi")(word, word, 1) == word
    assert english("chưa dịch", "chưa dịch", 1) == "chưa dịch"


def test_the_server_counts_the_first_number_of_a_text() -> None:
    text = "Mất {seconds} giây lúc {time} ({reason})"
    fields = {"time": "08:00", "reason": "disk"}
    assert filled("en", text, {"seconds": 1, **fields}) == "1 second missing at 08:00 (disk)"
    assert filled("en", text, {"seconds": 3, **fields}) == "3 seconds missing at 08:00 (disk)"
    assert filled("vi", text, {"seconds": 1, **fields}) == "Mất 1 giây lúc 08:00 (disk)"
    assert filled("en", "Rời", {}) == "Leave"


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
