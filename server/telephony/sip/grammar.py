"""Pieces of SIP's grammar (RFC 3261 §25.1) that several header fields share.

Every expression matches in time linear in its input: strangers choose the input.
"""

from __future__ import annotations

import re

from server.errors import ProtocolError

CHARACTERS = r"A-Za-z0-9\-.!%*_+`'~"
QUOTED = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
HOST = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,253}))"

_TOKEN = re.compile(f"[{CHARACTERS}]+")
# A value is a token, a host (so with brackets and colons, RFC 3261's gen-value) or a quoted string.
_PARAMETER = re.compile(
    rf"[ \t]*;[ \t]*([{CHARACTERS}]+)(?:[ \t]*=[ \t]*([{CHARACTERS}\[\]:]+|{QUOTED}))?(?=[ \t]*(?:;|$))"
)
_ITEM = re.compile(rf'(?:[^",<>]|{QUOTED}|<[^<>]*>)*')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Parameters = dict[str, str | None]
"""Parameters by their lower-case names; None for one without a value, quoted values as they stand."""


def is_token(text: str) -> bool:
    """Whether the whole text is a token."""
    return _TOKEN.fullmatch(text) is not None


def read_parameters(text: str) -> Parameters:
    """Read `;name=value;name`, to the end of the text. Raises ProtocolError when malformed or named twice."""
    parameters: Parameters = {}
    position, end = 0, len(text.rstrip(" \t"))
    while position < end:
        match = _PARAMETER.match(text, position, end)
        if match is None:
            raise ProtocolError("a parameter is malformed")
        name = match[1].lower()
        if name in parameters:
            raise ProtocolError(f"two parameters are called {name[:32]}")
        parameters[name] = match[2]
        position = match.end()
    return parameters


def write_parameters(parameters: Parameters) -> str:
    """The reverse of `read_parameters`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters.items())


def split_list(value: str) -> list[str]:
    """Cut a header field's value at the commas between its items, not those in quotes or angle brackets.

    Raises ProtocolError when a quote or bracket is not closed, or an item is empty.
    """
    items: list[str] = []
    position = 0
    while True:
        began = position
        match = _ITEM.match(value, position)
        position = match.end() if match else position
        item = value[began:position].strip(" \t")
        if not item or (position < len(value) and value[position] != ","):
            raise ProtocolError("a list is malformed")
        items.append(item)
        if position == len(value):
            return items
        position += 1


def unquote(text: str) -> str:
    """A quoted string's content; other text as it is."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(r"\1", text[1:-1])
    return text


def quote(text: str) -> str:
    """A quoted string of a text. Raises ProtocolError when it has a line break."""
    if "\r" in text or "\n" in text:
        raise ProtocolError("a quoted string cannot have line breaks")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
