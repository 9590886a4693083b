"""One telephone number in its forms: as a country dials it, and with the country's code. Pure."""

from __future__ import annotations

import re

_COUNTRY, _TRUNK = "+84", "0"
_BARE = re.compile(r"84\d{9,10}")
"""So some trunks name callers: with the country's code and without its plus."""


def national(number: str) -> str:
    """The same for +84 901…, 84901… and 0901…."""
    if _BARE.fullmatch(number):
        number = f"+{number}"
    return _TRUNK + number.removeprefix(_COUNTRY) if number.startswith(_COUNTRY) else number


def international(number: str) -> str:
    """As +84 901…; what is no number of the country (an extension, another country's) stays as it is."""
    dialled = national(number)
    return _COUNTRY + dialled.removeprefix(_TRUNK) if dialled.startswith(_TRUNK) else number


def forms(number: str) -> set[str]:
    """All in which it may have come."""
    return {number, national(number), international(number), international(number).removeprefix("+")}


def same(one: str, other: str) -> bool:
    """Whether they are one number; who hides it has none."""
    return bool(one) and national(one) == national(other)
