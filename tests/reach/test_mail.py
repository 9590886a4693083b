"""E-mail with a real SMTP server: what arrives, and what becomes of a try when the server refuses, fails or is slow."""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default
from functools import partial
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from server.reach.mail import MailSender
from server.reach.notice import NoticeKind
from server.reach.rules import Channel, Later, Never, Outcome, Reason, Sent
from server.reach.settings import Mail
from server.reach.words import Words
from tests.conftest import START
from tests.reach.helpers import ZONE, letter, notice

TO = "hang@camlo.example"


class Box:
    """The server's side: keeps what it takes; `answers` replace its replies to a command."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.taken: list[Envelope] = []
        self.users: list[str] = []

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _o: Any
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _o: Any
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if "data" not in self.answers:
            self.taken.append(envelope)
        return self.answers.get("data", "250 taken as 42")

    def authenticate(self, _s: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"secret", handled=False)

    def message(self) -> EmailMessage:
        (envelope,) = self.taken
        assert isinstance(envelope.content, bytes)
        return email.message_from_bytes(envelope.content, policy=default)  # type: ignore[return-value]


@asynccontextmanager
async def listening(made: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    """A server on a free port; gives the port."""
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def smtp(box: Box, **options: Any) -> Callable[[], asyncio.Protocol]:
    loop = asyncio.get_running_loop()
    common = {
        "hostname": "mx.camlo.example",
        "auth_require_tls": False,
        "authenticator": box.authenticate,
        "loop": loop,
    }
    return partial(SMTP, box, **common, **options)


def sender(port: int, password: str = "", **changes: Any) -> MailSender:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "giaoban@camlo.example"}
    words = Words("vi", ZONE, "https://giaoban.camlo.example")
    return MailSender(Mail(**(values | changes)), password, lambda _language: words, lambda: START)


async def test_what_arrives() -> None:
    box = Box()
    async with listening(smtp(box)) as port:
        outcome = await sender(port).send(letter(Channel.MAIL, TO, notice=notice(exercise=True)))
    assert outcome == Sent("taken as 42")
    assert (box.taken[0].mail_from, box.taken[0].rcpt_tos) == ("giaoban@camlo.example", [TO])
    message = box.message()
    assert message["Subject"].startswith("[DIỄN TẬP] [HỎA TỐC] Chỉ đạo mới: 05/CĐ-UBND – Ứng phó mưa lớn")
    assert message["To"] == f"Nguyễn Thị Hằng <{TO}>"
    assert message["From"] == "Giao Ban <giaoban@camlo.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Id"] == "Giao Ban <giaoban.camlo.example>"
    assert message["Message-ID"] == "<0123456789abcdef0123456789abcdef@camlo.example>"
    assert message["Importance"] == "high"
    assert message["Date"].datetime == START
    text = message.get_content()
    assert "ĐÂY LÀ DIỄN TẬP." in text
    assert "https://giaoban.camlo.example/directives/12" in text
    assert "Hạn: Thứ Ba 24/11/2026, 14:00" in text


async def test_an_ordinary_message_is_not_important() -> None:
    box = Box()
    async with listening(smtp(box)) as port:
        await sender(port).send(letter(Channel.MAIL, TO, notice=notice(urgency="NORMAL", kind=NoticeKind.REMINDER)))
    assert box.message()["Importance"] is None


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
async def test_with_user_and_password() -> None:
    box = Box()
    async with listening(smtp(box, auth_required=True)) as port:
        assert await sender(port, "secret", username="giaoban").send(letter(Channel.MAIL, TO)) == Sent("taken as 42")
        wrong = await sender(port, "forgotten", username="giaoban").send(letter(Channel.MAIL, TO))
    assert set(box.users) == {"giaoban"}
    assert isinstance(wrong, Later)  # the operator mends the password, and nothing was lost
    assert wrong.reason is Reason.NOT_SIGNED_IN
    assert "forgotten" not in wrong.detail


@pytest.mark.parametrize(
    ("answers", "kind", "reason"),
    [
        ({"rcpt": "550 5.1.1 no such person"}, Never, Reason.REFUSED),
        ({"rcpt": "452 4.2.2 mailbox full"}, Later, Reason.BUSY),
        ({"mail": "451 4.3.0 try again"}, Later, Reason.BUSY),
        ({"mail": "553 5.1.8 unknown sender"}, Never, Reason.REFUSED),
        ({"data": "554 5.7.1 looks like spam"}, Never, Reason.REFUSED),
        ({"data": "421 4.3.2 closing"}, Later, Reason.BUSY),
    ],
)
async def test_a_server_that_refuses(answers: dict[str, str], kind: type[Outcome], reason: Reason) -> None:
    box = Box(**answers)
    async with listening(smtp(box)) as port:
        outcome = await sender(port).send(letter(Channel.MAIL, TO))
    assert isinstance(outcome, kind)
    assert isinstance(outcome, Later | Never)
    assert outcome.reason is reason
    assert outcome.detail == next(iter(answers.values()))


async def test_nobody_listens() -> None:
    async with listening(smtp(Box())) as port:
        pass
    outcome = await sender(port).send(letter(Channel.MAIL, TO))
    assert isinstance(outcome, Later)
    assert outcome.reason is Reason.NO_CONNECTION


class _Mute(asyncio.Protocol):
    """Takes connections and says nothing."""


class _Rude(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def test_a_server_that_says_nothing() -> None:
    async with listening(_Mute) as port:
        outcome = await sender(port, timeout_seconds=1).send(letter(Channel.MAIL, TO))
    assert outcome == Later(Reason.TIMEOUT)


async def test_a_server_that_hangs_up() -> None:
    async with listening(_Rude) as port:
        outcome = await sender(port).send(letter(Channel.MAIL, TO))
    assert isinstance(outcome, Later)
    assert outcome.reason is Reason.NO_CONNECTION


async def test_a_server_without_the_encryption_that_we_want_gets_nothing() -> None:
    box = Box()
    async with listening(smtp(box)) as port:
        outcome = await sender(port, security="starttls").send(letter(Channel.MAIL, TO))
    assert isinstance(outcome, Later)
    assert box.taken == []
