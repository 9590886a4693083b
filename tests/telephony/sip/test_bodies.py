"""Bodies that are more than a description: ISUP of exchanges, several parts, and what may be passed over (RFC 5621)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.telephony.sip import content
from server.telephony.sip.call import CallState
from server.telephony.sip.message import Request, Response
from tests.telephony.sip.making import SDP, request
from tests.telephony.sip.phones import ANSWER, THEIRS, Raw
from tests.telephony.sip.test_agent import desk, up, within

ISUP = b"\x01\x00\x49\r\n\x00--"
OPTIONAL, REQUIRED = "signal;handling=optional", "signal;handling=required"
MIXED = 'multipart/mixed;boundary="a=b"'


def part(kind: str, body: bytes, disposition: str = "", **more: str) -> bytes:
    headers = {"Content-Type": kind, "Content-Disposition": disposition} | more
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([*lines, "", ""]).encode() + body


def mixed(*parts: bytes, boundary: bytes = b"a=b") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + one + b"\r\n" for one in parts) + b"--" + boundary + b"--\r\n"


SIP_I = mixed(part("application/sdp", SDP), part("application/isup;version=itu-t92+", ISUP, OPTIONAL))


@pytest.mark.parametrize("disposition", [None, OPTIONAL, REQUIRED])
def test_a_bye_ends_the_call_whatever_it_carries(disposition: str | None) -> None:
    """§15.1.1: who has sent it is gone."""
    _wire, telephone, raw = desk()
    success = up(raw)
    headers = {"Content_Type": "application/isup;version=itu-t92+", "Content_Disposition": disposition}
    raw.say(within(success, "BYE", 2, ISUP, **headers))
    assert raw.statuses()[-1] == 200
    assert telephone.calls[0].state is CallState.ENDED


@pytest.mark.parametrize("kind", [MIXED, 'Multipart/Mixed; Boundary="a=b" ; x=y', 'multipart/strange;boundary="a=b"'])
def test_the_description_is_taken_out_of_several_parts(kind: str) -> None:
    _wire, telephone, raw = desk()
    up(raw, SIP_I, Content_Type=kind, MIME_Version="1.0")
    assert telephone.calls[0].offer == SDP  # type: ignore[attr-defined]
    assert raw.got[2].body == ANSWER


def test_it_is_taken_out_of_reinvite_update_and_ack() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    raw.say(within(success, "INVITE", 2, SIP_I, Content_Type=MIXED))
    raw.say(within(success, "ACK", 2))
    raw.say(within(success, "UPDATE", 3, SIP_I, Content_Type=MIXED))
    raw.say(within(success, "INVITE", 4))
    raw.say(within(success, "ACK", 4, SIP_I, Content_Type=MIXED))
    assert telephone.answers == [b"", SDP, SDP, b"", SDP]


def test_it_is_taken_out_of_what_is_answered_to_us() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    answered(raw, 183)
    answered(raw, 200)
    call.reinvite(SDP, wire.now)
    wire.run(0.1)
    answered(raw, 200)
    assert telephone.answers == [SDP, SDP]
    assert call.state is CallState.UP


def answered(raw: Raw, status: int) -> None:
    response = raw.requests("INVITE")[-1].response(status, tag="theirs")
    response.add("Contact", "<sip:b@192.0.2.1>")
    response.add("Content-Type", MIXED)
    response.body = SIP_I
    raw.say(response.encode())


def test_an_answer_of_isup_alone_describes_nothing() -> None:
    response = Response(200, "OK", [("Content-Type", "application/isup")], ISUP)
    assert content.description_of(response) == b""


def test_a_body_that_may_be_passed_over_is_none() -> None:
    """So is an INVITE with ISUP alone one without an offer."""
    _wire, telephone, raw = desk()
    up(raw, ISUP, Content_Type="application/isup", Content_Disposition=OPTIONAL)
    assert telephone.calls[0].offer == b""  # type: ignore[attr-defined]
    success = raw.got[2]
    assert isinstance(success, Response) and success.body == ANSWER


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (mixed(part("application/sdp", SDP), part("application/isup", ISUP, REQUIRED)), MIXED),
        (mixed(part("application/sdp", SDP), part("application/isup", ISUP)), MIXED),
        (mixed(part("application/sdp", SDP, Content_Encoding="gzip")), MIXED),
        (mixed(part("application/sdp", SDP, Content_Transfer_Encoding="base64")), MIXED),
        (mixed(part("application/sdp", SDP, "early-session")), MIXED),
        (mixed(part("text/plain", b"x"), part("text/html", b"x")), 'multipart/alternative;boundary="a=b"'),
        (ISUP, "application/isup"),
    ],
)
def test_what_must_be_understood_and_is_not_is_refused(body: bytes, kind: str) -> None:
    """RFC 3261 §8.2.3: without a word on it, a body must be understood."""
    _wire, telephone, raw = desk()
    raw.say(request(body=body, Content_Type=kind))
    refusal = raw.got[-1]
    assert isinstance(refusal, Response) and refusal.status == 415
    assert refusal.items("Accept") == ["application/sdp"]
    assert telephone.calls == []


@pytest.mark.parametrize(
    "body",
    [
        mixed(part("text/plain", b"x"), part("application/sdp", SDP)),
        mixed(part("application/sdp", SDP), part("application/x", b"x")),
    ],
)
def test_of_alternatives_one_must_be_understood(body: bytes) -> None:
    _wire, telephone, raw = desk()
    up(raw, body, Content_Type='multipart/alternative;boundary="a=b"')
    assert telephone.calls[0].offer == SDP  # type: ignore[attr-defined]


def test_parts_within_parts() -> None:
    inner = mixed(part("application/sdp", SDP), part("text/plain", b"x"), boundary=b"a=bb")
    body = mixed(part('multipart/alternative;boundary="a=bb"', inner), part("application/isup", ISUP, OPTIONAL))
    assert content.description_of(Request("INVITE", "sip:a", [("Content-Type", MIXED)], body)) == SDP


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed", SIP_I),
        (MIXED, b"nothing"),
        (MIXED, SIP_I[:-6]),
        (MIXED, mixed(*[part("application/sdp", SDP, OPTIONAL)] * 30)),
        ('multipart/mixed;boundary=""', SIP_I),
        ("multipart/mixed;boundary", SIP_I),
        (MIXED, mixed(b"no header\r\n\r\nx")),
    ],
)
def test_parts_that_cannot_be_told_apart_are_malformed(kind: str, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        content.read(Request("INVITE", "sip:a", [("Content-Type", kind)], body))
    _wire, telephone, raw = desk()
    raw.say(request(body=body, Content_Type=kind))
    assert raw.statuses()[-1] == 400
    assert telephone.calls == []


def test_a_key_is_told_beside_isup_and_isup_alone_is_no_key() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    raw.say(within(success, "INFO", 2, ISUP, Content_Type="application/isup", Content_Disposition=OPTIONAL))
    assert (raw.statuses()[-1], telephone.keys) == (200, [])
    body = mixed(part("application/isup", ISUP, OPTIONAL), part("application/dtmf-relay", b"Signal=5\r\n"))
    raw.say(within(success, "INFO", 3, body, Content_Type=MIXED))
    assert (raw.statuses()[-1], telephone.keys) == (200, ["5"])


@given(st.lists(st.sampled_from([b"--a", b"--", b"\r\n", b"\r\n\r\n", b"Content-Type: application/sdp", b"x", b";"])))
def test_whatever_stands_in_parts_is_read_or_malformed(pieces: list[bytes]) -> None:
    message = Request("INVITE", "sip:a", [("Content-Type", "multipart/mixed;boundary=a")], b"".join(pieces))
    try:
        content.read(message)
    except ProtocolError:
        assert content.description_of(message) == b""
