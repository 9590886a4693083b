"""Text that fits one short message: the letters of GSM 7-bit without diacritics, or Vietnamese in UCS-2: pure.

3GPP TS 23.038, 6.2.1: a message has 160 septets, some characters take two; or 70 UTF-16 units (6.2.3).
"""

from __future__ import annotations

import unicodedata

from server.reach.rules import Alphabet
from server.store.search import without_marks

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_DOUBLE = "^{}\\[~]|€"
_PLAIN = str.maketrans(
    {"–": "-", "—": "-", "…": "...", "“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ", "·": "-"}
)


LIMITS = {Alphabet.GSM7: 160, Alphabet.UCS2: 70}


def units(text: str, alphabet: Alphabet) -> int:
    """How much of a message the text takes: septets or UTF-16 units."""
    if alphabet is Alphabet.UCS2:
        return len(text.encode("utf-16-be")) // 2
    return len(text) + sum(letter in _DOUBLE for letter in text)


def spelled(text: str, alphabet: Alphabet) -> str:
    """The text in letters that the alphabet has: “Hạn trả lời” becomes “Han tra loi” in GSM 7-bit."""
    if alphabet is Alphabet.UCS2:
        return unicodedata.normalize("NFC", text)
    plain = without_marks(text.translate(_PLAIN))
    return "".join(letter if letter in _BASIC or letter in _DOUBLE else "?" for letter in plain)


def fitted(head: str, subject: str, tails: list[str], alphabet: Alphabet) -> str:
    """`head: subject. tail. tail` in one message: the last tails go first, then the end of the subject.

    A subject of less than a dozen letters says nothing: rather a tail less.
    """
    limit = LIMITS[alphabet]
    head, subject = spelled(head, alphabet), spelled(subject, alphabet)
    more = "..." if alphabet is Alphabet.GSM7 else "…"
    rest = [spelled(tail, alphabet) for tail in tails]
    while True:
        end = "".join(f" {tail}" for tail in rest)
        if units(f"{head} {subject}{end}", alphabet) <= limit:
            return f"{head} {subject}{end}"
        room = limit - units(f"{head} {more}{end}", alphabet)
        if room >= min(12, len(subject)) or not rest:
            break
        rest.pop()
    cut = subject
    while cut and units(cut, alphabet) > room:
        cut = cut[:-1]
    text = f"{head} {cut.rstrip()}{more}{end}" if cut.strip() else f"{head}{end}"
    while units(text, alphabet) > limit:
        text = text[:-1]
    return text
