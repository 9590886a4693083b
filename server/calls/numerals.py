"""Numbers as Vietnamese words: whole ones, decimals, digit by digit, and parts of a whole. Pure."""

from __future__ import annotations

_DIGITS = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]
_SCALES = ("", "nghìn", "triệu")
_MOST_DIGITS = 18
_MOST = 10**_MOST_DIGITS

NUMBER = r"(?:\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:,\d+)?)"
"""A pattern of numbers as they are written: 1.927 and 91,8."""


def cardinal(value: int) -> str:
    """A whole number: 1005 is “một nghìn không trăm linh năm”. Numbers of 10^18 and more are read digit by digit."""
    if value < 0:
        return f"âm {cardinal(-value)}"
    if value >= _MOST:
        return digits(str(value))
    if value >= 10**9:
        head, rest = divmod(value, 10**9)
        return f"{cardinal(head)} tỷ" + (f" {_below_billion(rest, whole=False)}" if rest else "")
    return _below_billion(value, whole=True)


def _below_billion(value: int, *, whole: bool) -> str:
    """`whole`: nothing stands before it, so that its first group has no “không trăm”."""
    if value == 0:
        return _DIGITS[0]
    groups = [value // 1000**power % 1000 for power in (2, 1, 0)]
    words, first = list[str](), whole
    for group, scale in zip(groups, reversed(_SCALES), strict=True):
        if group:
            words += [_hundreds(group, full=not first), scale]
        if group or not whole:
            first = False
    return " ".join(word for word in words if word)


def _hundreds(value: int, *, full: bool) -> str:
    """0 to 999; `full` with its “không trăm”, as it stands after a thousand."""
    hundred, rest = divmod(value, 100)
    words = [f"{_DIGITS[hundred]} trăm"] if hundred or full else []
    if rest and rest < 10 and words:
        words.append("linh")
    return " ".join([*words, *([_tens(rest)] if rest else [])])


def _tens(value: int) -> str:
    """1 to 99."""
    ten, one = divmod(value, 10)
    if ten == 0:
        return _DIGITS[one]
    last = {0: "", 1: "một" if ten == 1 else "mốt", 4: "bốn" if ten == 1 else "tư", 5: "lăm"}.get(one, _DIGITS[one])
    return f"{'mười' if ten == 1 else f'{_DIGITS[ten]} mươi'} {last}".rstrip()


def digits(text: str) -> str:
    """Digit by digit, as telephone numbers are said, in threes."""
    threes = (text[at : at + 3] for at in range(0, len(text), 3))
    return ", ".join(" ".join(_DIGITS[int(digit)] for digit in three) for three in threes)


def number(text: str) -> str:
    """What `NUMBER` describes, of whatever length: 1.234,5 is “một nghìn hai trăm ba mươi tư phẩy năm”."""
    whole, _comma, fraction = text.replace(".", "").partition(",")
    said = cardinal(int(whole)) if len(whole) <= _MOST_DIGITS else digits(whole)
    return f"{said} phẩy {_decimals(fraction)}" if fraction else said


def _decimals(text: str) -> str:
    return digits(text) if text.startswith("0") or len(text) > 3 else cardinal(int(text))


def ratio(up: str, down: str, *, counted: bool = False) -> str:
    """“hai phần ba” of a whole, “hai mươi tư trên hai mươi tư”; `counted`: so many of so many things, “hai trên ba”."""
    if not counted and len(up) <= len(down) <= 2 and 0 < int(up) < int(down) <= 10:
        return f"{cardinal(int(up))} phần {'tư' if int(down) == 4 else cardinal(int(down))}"
    return f"{number(up)} trên {number(down)}"
