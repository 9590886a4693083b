"""From settings to senders: which channels there are, and where secrets come from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from server import config
from server.config import ConfigError, Http, Settings
from server.reach.channels import make_senders, served
from server.reach.rules import Channel
from server.reach.settings import Gateway, Mail, Push
from server.reach.vapid import load_vapid
from tests.conftest import START

MAIL = Mail(host="mx.camlo.example", sender="giaoban@camlo.example")


def test_without_settings_there_is_web_push_alone() -> None:
    assert served(Settings()) == {Channel.PUSH}
    assert served(Settings(push=Push(enabled=False))) == frozenset()


def test_a_sender_for_each_channel_with_its_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "sms").write_text("Bearer from-a-file\nand a note\n")
    sms = Gateway(url="https://sms.example/", secret_file=str(tmp_path / "sms"))
    settings = Settings(mail=MAIL, sms=sms, zalo=Gateway(url="https://zalo.example/", secret="given"))
    senders = make_senders(settings, load_vapid(tmp_path / "vapid.pem"), lambda: START)
    assert [sender.channel for sender in senders] == [channel for channel in Channel if channel is not Channel.PHONE]
    assert [getattr(sender, "_secret", None) for sender in senders] == [None, None, "Bearer from-a-file", "given"]


def test_a_secret_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    settings = Settings(mail=msgspec.structs.replace(MAIL, password_file=str(tmp_path / "nothing")))
    with pytest.raises(ConfigError, match="nothing: the secret cannot be read"):
        make_senders(settings, load_vapid(tmp_path / "vapid.pem"), lambda: START)


def test_settings_by_the_environment(tmp_path: Path) -> None:
    environ = {
        "GIAOBAN_MAIL_HOST": "mx.camlo.example",
        "GIAOBAN_MAIL_SENDER": "giaoban@camlo.example",
        "GIAOBAN_MAIL_SECURITY": "tls",
        "GIAOBAN_SMS_URL": "https://sms.example/",
        "GIAOBAN_SMS_ANSWER_FIELD": "code",
        "GIAOBAN_SMS_ANSWER_SENT": "100, 101",
        "GIAOBAN_PUSH_ENABLED": "false",
    }
    settings = config.load(tmp_path / "none.toml", environ)
    assert served(settings) == {Channel.MAIL, Channel.SMS}
    assert (settings.mail.security, settings.sms.answer_sent) == ("tls", ["100", "101"])


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("GIAOBAN_MAIL_SECURITY", "none of these", "security"),
        ("GIAOBAN_MAIL_HOST", "mx.camlo.example", "mail.sender"),
        ("GIAOBAN_REACH_TRIES", "0", "reach.tries"),
        ("GIAOBAN_REACH_MOST_RETRY_MINUTES", "0", "most_retry_minutes"),
        ("GIAOBAN_PUSH_TIMEOUT_SECONDS", "600", "timeout_seconds"),
    ],
)
def test_settings_that_could_not_work(tmp_path: Path, name: str, value: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        config.load(tmp_path / "none.toml", {name: value})


def test_links_begin_with_what_people_type() -> None:
    assert Settings(http=Http(public_url="https://giaoban.camlo.example")).url() == "https://giaoban.camlo.example"
    assert Settings().url() == "http://127.0.0.1:8080"
    assert Settings(http=Http(host="0.0.0.0", tls_certificate="x")).url() == "https://127.0.0.1:8080"
