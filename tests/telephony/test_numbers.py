"""One number, however a trunk writes it."""

from __future__ import annotations

import pytest

from server.telephony.numbers import forms, international, national, same

MOBILE, LAND = ("0901234567", "+84901234567", "84901234567"), ("02333873100", "+842333873100", "842333873100")


@pytest.mark.parametrize("written", [MOBILE, LAND])
def test_all_forms_are_one_number(written: tuple[str, str, str]) -> None:
    for one in written:
        assert (national(one), international(one)) == written[:2]
        assert forms(one) == set(written)
        assert all(same(one, other) for other in written)


@pytest.mark.parametrize("other", ["841", "84901", "8490123456789", "113", "+85512345678", "anonymous", ""])
def test_what_is_no_number_of_the_country_stays_as_it_is(other: str) -> None:
    assert (national(other), international(other)) == (other, other)
    assert not any(same(other, one) for one in MOBILE)


def test_who_hides_the_number_has_none() -> None:
    assert not same("", "")
