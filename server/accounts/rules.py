"""What a username and a name may be, and how long to wait after wrong passwords: pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,48}[a-z0-9])?")
NAME_LENGTH = 50  # FullName of the register (DOMAIN)
PASSWORD_LENGTH = 8, 200
FREE_TRIES = 3
ADDRESS_FACTOR = 5
"""A whole office may share one address, so an address may fail this many times as often as an account."""


def clean_username(text: str) -> str | None:
    """The username in its one form, or None if it cannot be one."""
    username = text.strip().lower()
    return username if USERNAME.fullmatch(username) else None


def clean_name(text: str, longest: int = NAME_LENGTH) -> str | None:
    """A name in composed form with single spaces, or None: empty, too long, or with control or direction marks.

    `<` and `&` may stand in a name; whoever shows it escapes it.
    """
    if len(text) > 4 * longest:
        return None
    name = " ".join(unicodedata.normalize("NFC", text).split())
    wrong = any(unicodedata.category(letter) in {"Cc", "Cf", "Co", "Cs", "Cn"} for letter in name)
    return None if wrong or not 0 < len(name) <= longest else name


def pause_after(failures: int, tries_before_lock: int, lock: timedelta) -> timedelta:
    """How long nobody may try again after so many wrong passwords: nothing, 1 s, 2 s, 4 s … and then the lock."""
    if failures >= tries_before_lock:
        return lock
    if failures < FREE_TRIES:
        return timedelta(0)
    return min(timedelta(seconds=2 ** (failures - FREE_TRIES)), timedelta(seconds=30), lock)


def local_path(target: str | None) -> str:
    """`target` if it is a path of this server, else “/”: nobody is sent to another site after signing in."""
    if not target or len(target) > 500 or not target.startswith("/") or target.startswith(("//", "/\\")):
        return "/"
    if "\\" in target or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in target):
        return "/"
    return target


_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("coc_coc_browser", "Cốc Cốc"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str) -> str:
    """“Chrome · Android” for what a browser says of itself; the first word for programs; empty if it says nothing."""
    found = [next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)]
    words = user_agent.split()
    return " · ".join(name for name in found if name) or (words[0][:40] if words else "")
