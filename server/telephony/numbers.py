"""One telephone number in its two forms: as a country dials it, and with the country's code. Pure."""

from __future__ import annotations

_COUNTRY, _TRUNK = "+84", "0"


def national(number: str) -> str:
    """The same for +84 901… and 0901…."""
    return _TRUNK + number.removeprefix(_COUNTRY) if number.startswith(_COUNTRY) else number


def international(number: str) -> str:
    """As +84 901…; what begins neither with it nor with 0 (an extension, another country) stays as it is."""
    return _COUNTRY + number.removeprefix(_TRUNK) if number.startswith(_TRUNK) else number


def same(one: str, other: str) -> bool:
    """Whether they are one number; who hides it has none."""
    return bool(one) and national(one) == national(other)
