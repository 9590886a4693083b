"""Which channels the settings have, and a sender for each."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from server.config import ConfigError, Settings
from server.reach.gateway import GatewaySender
from server.reach.mail import MailSender
from server.reach.push import PushSender
from server.reach.rules import Channel
from server.reach.sender import Sender
from server.reach.settings import Gateway, Mail, secret_of
from server.reach.vapid import VapidKey
from server.reach.words import Words
from server.store.store import Clock


def served(settings: Settings) -> frozenset[Channel]:
    """Channels that this server has."""
    has = {
        Channel.PUSH: settings.push.enabled,
        Channel.MAIL: bool(settings.mail.host),
        Channel.SMS: bool(settings.sms.url),
        Channel.ZALO: bool(settings.zalo.url),
        Channel.PHONE: bool(settings.telephone.address and settings.telephone.trunk),
    }
    return frozenset(channel for channel, there in has.items() if there)


def make_senders(settings: Settings, key: VapidKey, clock: Clock) -> list[Sender]:
    """One sender for each of those channels but the telephone, which `calls` serves.

    Raises ConfigError for a secret that cannot be read.
    """
    zone, base = ZoneInfo(settings.timezone), settings.url()

    @lru_cache
    def words(language: str) -> Words:
        return Words(language, zone, base)

    has, made = served(settings), list[Sender]()
    if Channel.PUSH in has:
        made.append(PushSender(settings.push, key, settings.push.contact or _contact(settings), words, clock))
    if Channel.MAIL in has:
        made.append(MailSender(settings.mail, _secret(settings, settings.mail), words, clock))
    for channel, gateway in ((Channel.SMS, settings.sms), (Channel.ZALO, settings.zalo)):
        if channel in has:
            made.append(GatewaySender(channel, gateway, _secret(settings, gateway), words, clock))
    return made


def _contact(settings: Settings) -> str:
    """Whom push services may turn to (RFC 8292, 2.1): they take mailto: and https: only."""
    if settings.mail.sender:
        return f"mailto:{settings.mail.sender}"
    url = settings.url()
    return url if url.startswith("https:") else "mailto:giaoban@localhost"


def _secret(settings: Settings, part: Mail | Gateway) -> str:
    value, file = (part.password, part.password_file) if isinstance(part, Mail) else (part.secret, part.secret_file)
    path: Path | None = settings.path(file) if file else None
    try:
        return secret_of(value, path)
    except OSError as error:
        raise ConfigError(f"{path}: the secret cannot be read: {error.strerror}") from error
