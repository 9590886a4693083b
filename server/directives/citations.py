"""Numbers of documents that a text names, as people write them: 12/UBND-VP, 05-KH/HU, 30/2020/NĐ-CP: pure."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(?<![\w/.-])(DT-)?(\d{1,5})([/-](?:\d{4}/)?)([^\W\d_]\w*(?:[-/&.]\w+)*)")
MOST_CITED = 20


def cited(text: str) -> list[str]:
    """The numbers with their notations in a text, each once, in their order. A notation begins with a capital."""
    found = ["".join(part or "" for part in parts) for parts in _NUMBER.findall(text) if parts[3][0].isupper()]
    return list(dict.fromkeys(found))[:MOST_CITED]


def spellings(number_text: str) -> frozenset[str]:
    """The ways in which a number is written: 5/KH-UBND and 05/KH-UBND are the same."""
    match = _NUMBER.fullmatch(number_text)
    if match is None:
        return frozenset({number_text})
    drill, number, joint, notation = match.groups(default="")
    digits = {number, str(int(number)), f"{int(number):02}"}
    return frozenset(f"{drill}{one}{joint}{notation}" for one in digits)
