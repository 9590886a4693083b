"""Usernames, names and devices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts.rules import clean_name, clean_username, device_name, local_path


@pytest.mark.parametrize("text", ["chutich.camthuy", " CamThuy ", "a", "thon1.camlo-tt", "x" * 50])
def test_usernames(text: str) -> None:
    assert clean_username(text) == text.strip().lower()


@pytest.mark.parametrize("text", ["", ".a", "a.", "họ", "a b", "a/b", "x" * 51, "a\nb", "A'--"])
def test_not_usernames(text: str) -> None:
    assert clean_username(text) is None


def test_names_are_composed_and_single_spaced() -> None:
    assert clean_name("  Nguye\u0302\u0303n   Va\u0306n  A ") == "Nguyễn Văn A"
    assert clean_name("<b>") == "<b>"
    assert clean_name("A" * 51) is None


@given(st.text())
def test_a_clean_name_stays_as_it_is(text: str) -> None:
    name = clean_name(text)
    if name is not None:
        assert clean_name(name) == name
        assert 0 < len(name) <= 50
        assert name.isprintable()


@given(st.text())
def test_a_local_path_is_one(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert path in ("/", text)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome · Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", "Safari · iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        ("Python/3.11 aiohttp/3.14", "Python/3.11"),
        ("", ""),
    ],
)
def test_devices_have_names(agent: str, name: str) -> None:
    assert device_name(agent) == name
