"""Answers to our requests that can be read and not used: nothing escapes, every call ends and nothing stays."""

from __future__ import annotations

import pytest

from server.telephony.sip.call import CallState
from server.telephony.sip.message import Request
from server.telephony.sip.parsing import parse
from tests.telephony.sip.making import SDP, request
from tests.telephony.sip.phones import OURS, THEIRS, Telephone
from tests.telephony.sip.test_trunk import CREDENTIALS, challenge, desk
from tests.telephony.sip.wire import Wire

ROUTES = ["<sip:192.0.2.1:99999;lr>", "<sip:[::1;lr>", "<sip:192.0.2.1;lr>, nonsense", "<sip:a.vn;lr>,", '"<sip:a.vn>']


def success(invite: Request, tag: str = "theirs", **headers: str) -> bytes:
    response = invite.response(200, tag=tag)
    for name, value in ({"Contact": "<sip:b@192.0.2.1>"} | headers).items():
        response.add(name.replace("_", "-"), value)
    return response.encode()


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_by_a_way_that_cannot_be_read_is_acknowledged_and_ended(route: str) -> None:
    """RFC 3261 §13.2.2.4: ACK for every 2xx; without one the callee would wait for 32 s before he hangs up."""
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    raw.say(success(raw.requests("INVITE")[0], Record_Route=route))
    assert telephone.ended[call.id].status == 502
    assert [one.method for one in raw.got if isinstance(one, Request)] == ["INVITE", "ACK", "BYE"]
    assert raw.requests("BYE")[0].to.tag == "theirs"
    raw.say(raw.requests("BYE")[0].response(200).encode())
    wire.run(100)
    assert telephone.idle
    assert telephone.happened() == ["ended"]


def test_a_second_telephone_by_such_a_way_leaves_the_first_alone() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    invite = raw.requests("INVITE")[0]
    raw.say(success(invite))
    raw.say(success(invite, tag="second", Record_Route=ROUTES[0]))
    assert call.state is CallState.UP
    assert [(one.method, one.to.tag) for one in raw.got if isinstance(one, Request)][1:] == [
        ("ACK", "theirs"),
        ("ACK", "second"),
        ("BYE", "second"),
    ]


def test_an_answer_whose_allow_cannot_be_read_is_an_answer() -> None:
    """§8.2: a malformed header field that is not needed is passed over."""
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    raw.say(success(raw.requests("INVITE")[0], Allow="INVITE,,ACK"))
    assert call.state is CallState.UP


@pytest.mark.parametrize("realm", [b"T\xe9l\xe9com", "Viễn thông".encode(), b"\xff\xfe"])
def test_a_realm_in_whatever_octets_is_proved_to_in_the_same(realm: bytes) -> None:
    wire, telephone, raw = desk()
    answers: list[bytes] = []
    wire.attach(THEIRS, lambda data, peer, now: answers.append(data))
    telephone.call(THEIRS, credentials=CREDENTIALS)
    wire.run(0.1)
    first = answers.pop(0)
    asked = parse(first)
    assert isinstance(asked, Request)
    raw.say(challenge(asked).replace(b"vnpt.vn", realm))
    again = answers[-1]
    assert again.startswith(b"INVITE")
    assert b'realm="' + realm + b'"' in again


def test_a_call_that_nothing_more_can_come_of_ends_when_we_hang_up() -> None:
    """Should a call ever stay behind its INVITE, it must not hold its place on the trunk for ever."""
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    transaction = call._inviting.transaction  # type: ignore[union-attr]
    transaction._on_response = lambda response, now: None  # the answer gets lost between the two
    raw.say(raw.requests("INVITE")[0].response(486, tag="theirs").encode())
    assert call.state is CallState.CALLING
    call.hang_up(wire.now)
    assert telephone.ended[call.id].by_us
    wire.run(100)
    assert telephone.idle


@pytest.mark.parametrize("break_", ["\n", "\r"])
@pytest.mark.parametrize("name", ["Call_ID", "From", "To", "Contact", "Record_Route", "X_Else"])
def test_half_a_line_break_within_a_value_is_malformed(name: str, break_: str) -> None:
    """§25.1: no value has one; ours could not be sent with it."""
    values = {"From": "<sip:a@192.0.2.1>;tag=t", "Call_ID": "a"}
    value = values.get(name, "<sip:a@192.0.2.1>") + break_ + ";x"
    wire = Wire(delay=(0.001, 0.001))
    telephone = Telephone(wire, OURS)
    telephone.layer.receive(request(body=SDP, **{name: value}), wire.peer(THEIRS), wire.now)
    assert telephone.calls == []
    assert [line.split(" ")[1] for line in wire.lines()] == ["400"]
