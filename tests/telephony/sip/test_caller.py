"""The number of who calls: what the trunk asserts, else From; a hidden one is none."""

from __future__ import annotations

import pytest

from server.telephony.sip.caller import asserted_number, caller_number
from server.telephony.sip.message import Request
from server.telephony.sip.parsing import parse
from tests.telephony.sip.making import request


def read(**headers: str) -> Request:
    found = parse(request(**headers))
    assert isinstance(found, Request)
    return found


@pytest.mark.parametrize(
    ("sender", "number"),
    [
        ("<sip:0901234567@192.0.2.1>;tag=t", "0901234567"),
        ('"Thôn 1" <sip:+84901234567@vnpt.vn;user=phone>;tag=t', "+84901234567"),
        ("<sip:+84901234567;cpc=ordinary;oli=0@vnpt.vn>;tag=t", "+84901234567"),
        ("<tel:+84-90-123-45-67;cpc=payphone>;tag=t", "+84901234567"),
        ("<sip:0901234567:secret@192.0.2.1>;tag=t", "0901234567"),
        ('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=t', ""),
        ("<sip:thon1@192.0.2.1>;tag=t", ""),
        ("<sip:192.0.2.1>;tag=t", ""),
        ("<sip:+@192.0.2.1>;tag=t", ""),
        ("<sip:%D9%A1%D9%A2@192.0.2.1>;tag=t", ""),
    ],
)
def test_what_the_caller_says(sender: str, number: str) -> None:
    assert caller_number(read(From=sender)) == number


@pytest.mark.parametrize(
    ("asserted", "number"),
    [
        ("<sip:+84901234567@vnpt.vn>", "+84901234567"),
        ('"X" <sip:+84901234567;cpc=ordinary@vnpt.vn;user=phone>, <tel:+84907654321>', "+84901234567"),
        ("<sip:thon1@vnpt.vn>, <tel:+84907654321>", "+84907654321"),
        ("<sip:anonymous@anonymous.invalid>", ""),
        ("<sip:thon1@vnpt.vn>", ""),
        ("<sip:thon 1@>, nonsense", ""),
    ],
)
@pytest.mark.parametrize("name", ["P-Asserted-Identity", "p-asserted-identity"])
def test_what_the_trunk_asserts_is_before_it(asserted: str, number: str, name: str) -> None:
    hidden = {"From": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=t', name: asserted}
    assert caller_number(read(**hidden)) == ""
    assert asserted_number(read(**hidden)) == number
    assert caller_number(read(**{name: asserted})) == (number or "0901234567")


@pytest.mark.parametrize(
    ("privacy", "number"),
    [
        ("id", ""),
        ("ID; critical", ""),
        ("session;user", ""),
        ("header", ""),
        ("none", "+84901234567"),
        ("session", "+84901234567"),
    ],
)
def test_who_asks_for_privacy_has_no_number_but_what_the_trunk_vouches_for(privacy: str, number: str) -> None:
    found = read(Privacy=privacy, **{"P-Asserted-Identity": "<sip:+84901234567@vnpt.vn>"})
    assert caller_number(found) == number
    assert asserted_number(found) == "+84901234567"
    assert (caller_number(read(Privacy=privacy)) == "") is (number == "")
    assert asserted_number(read(Privacy=privacy)) == ""
