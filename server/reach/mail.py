"""E-mail over SMTP (RFC 5321): plain text that says what to do, marked as sent by a machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from server.reach.notice import AT_ONCE, NoticeKind
from server.reach.rules import Channel, Later, Never, Outcome, Reason, Sent
from server.reach.service import Letter
from server.reach.settings import Mail
from server.reach.words import Words


class MailSender:
    """Sends by one SMTP server, a connection a message: a district sends hundreds a day, not thousands a minute."""

    channel = Channel.MAIL

    def __init__(
        self, settings: Mail, password: str, words: Callable[[str], Words], clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._password = password
        self._words = words
        self._clock = clock

    def compose(self, letter: Letter) -> EmailMessage:
        """The message; its Message-ID is the same at each try, so that a repeat can be told."""
        words, notice = self._words(letter.language), letter.notice
        sender = Address(self._settings.sender_name, addr_spec=self._settings.sender)
        message = EmailMessage()
        message["From"] = sender
        message["To"] = Address(letter.name, addr_spec=letter.address)
        message["Subject"] = words.mail_subject(notice)
        message["Date"] = format_datetime(self._clock())
        message["Message-ID"] = f"<{letter.key}@{sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834
        message["List-Id"] = f"{self._settings.sender_name} <giaoban.{sender.domain}>"  # RFC 2919
        message["X-Auto-Response-Suppress"] = "All"
        if notice.urgency in AT_ONCE or notice.kind is NoticeKind.ESCALATION:
            message["Importance"] = "high"
        message.set_content(words.mail_body(notice, letter.name), charset="utf-8", cte="quoted-printable")
        return message

    async def send(self, letter: Letter) -> Outcome:
        """Hand it to the SMTP server."""
        options = self._settings
        try:
            _refused, reply = await aiosmtplib.send(
                self.compose(letter),
                sender=options.sender,
                recipients=[letter.address],
                hostname=options.host,
                port=options.port,
                username=options.username or None,
                password=self._password or None,
                use_tls=options.security == "tls",
                start_tls=options.security == "starttls",
                timeout=options.timeout_seconds,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _by_code(error.recipients[0].code, error.recipients[0].message)
        except aiosmtplib.SMTPAuthenticationError as error:
            return Later(Reason.NOT_SIGNED_IN, f"{error.code} {error.message}")
        except aiosmtplib.SMTPResponseException as error:
            return _by_code(error.code, error.message)
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            return Later(Reason.TIMEOUT)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Later(Reason.NO_CONNECTION, f"{type(error).__name__}: {error}")
        return Sent(reply)

    async def close(self) -> None:
        """Nothing is held open."""


def _by_code(code: int, message: str) -> Outcome:
    """RFC 5321, 4.2.1: 4yz may be tried again, 5yz not."""
    detail = f"{code} {message}"
    return Never(Reason.REFUSED, detail) if 500 <= code < 600 else Later(Reason.BUSY, detail)
