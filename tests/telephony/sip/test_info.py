"""Keys told by INFO."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.telephony.sip import info
from server.telephony.sip.content import Part
from tests.telephony.sip.test_agent import desk, up, within


@pytest.mark.parametrize(
    ("kind", "body", "status", "keys"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", 200, ["5"]),
        ("application/dtmf-relay", b"Signal= *\nDuration= 100", 200, ["*"]),
        ("application/dtmf-relay; charset=utf-8", b"Duration=160\r\nSignal=#\r\n", 200, ["#"]),
        ("application/dtmf-relay", b"Signal=11\r\n", 200, ["#"]),
        ("application/dtmf", b" 9\r\n", 200, ["9"]),
        ("application/dtmf-relay", b"Signal=55\r\n", 400, []),
        ("application/dtmf", b"12", 400, []),
        ("application/dtmf", b"\xff", 400, []),
        ("application/media_control+xml", b"<x/>", 415, []),
        (None, b"", 200, []),
    ],
)
def test_keys_by_info(kind: str | None, body: bytes, status: int, keys: list[str]) -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    (answer,) = raw.say(within(success, "INFO", 2, body, Content_Type=kind))
    assert answer.status == status  # type: ignore[union-attr]
    assert telephone.keys == keys


def test_a_repeated_info_is_one_key() -> None:
    _wire, telephone, raw = desk()
    info = within(up(raw), "INFO", 2, b"Signal=5", Content_Type="application/dtmf-relay")
    raw.say(info)
    raw.say(info)
    assert telephone.keys == ["5"]


def test_an_info_of_no_call_is_refused() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    stranger = within(success, "INFO", 2, b"Signal=5", Content_Type="application/dtmf-relay", Call_ID="other")
    (answer,) = raw.say(stranger)
    assert answer.status == 481  # type: ignore[union-attr]
    assert telephone.keys == []


@given(st.binary(max_size=300), st.sampled_from(["application/dtmf-relay", "application/dtmf"]))
def test_whatever_stands_in_it_is_a_key_or_none(body: bytes, kind: str) -> None:
    key = info.key_of(Part(kind, body, usable=True, optional=False))
    assert key is None or (len(key) == 1 and key in "0123456789*#ABCD")
