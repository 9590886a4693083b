"""The agent against messages written by hand: what is answered, in which words, and where things go."""

from __future__ import annotations

import pytest

from server.telephony.sip import agent as agents
from server.telephony.sip.call import CallState
from server.telephony.sip.dialog import Dialog
from server.telephony.sip.headers import Address
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.message import Request, Response
from server.telephony.sip.peer import Peer
from server.telephony.sip.uri import read_uri
from tests.telephony.sip import torture
from tests.telephony.sip.making import SDP, request
from tests.telephony.sip.phones import ANSWER, OURS, THEIRS, Raw, Telephone
from tests.telephony.sip.wire import Wire


def desk(transport: str = "udp", **options: object) -> tuple[Wire, Telephone, Raw]:
    wire = Wire(delay=(0.001, 0.001), transport=transport)
    return wire, Telephone(wire, OURS, **options), Raw(wire)  # type: ignore[arg-type]


def up(raw: Raw, body: bytes = SDP, **headers: str | None) -> Response:
    """A call comes in and is acknowledged; gives our 200."""
    *_, success = raw.say(request(body=body, **headers))
    assert isinstance(success, Response) and success.status == 200
    raw.say(within(success, "ACK", 1))
    return success


def within(success: Response, method: str, number: int, body: bytes = b"", **headers: str | None) -> bytes:
    branch = f"z9hG4bK{method}{number}"
    cseq = f"{number} {method}"
    return request(method, body=body, branch=branch, To=success.get("To"), CSeq=cseq, **headers)


@pytest.mark.parametrize("name", torture.ANSWERS)
def test_what_is_answered_to_rfc_4475(name: str) -> None:
    status, why = torture.ANSWERS[name]
    wire, telephone, _raw = desk()
    telephone.layer.receive(torture.messages()[name], wire.peer(THEIRS), wire.now)
    wire._ends.pop(THEIRS)  # it could not read all of the answers: they copy what is malformed
    final = [int(line.split(" ")[1]) for line in wire.lines() if line.startswith("SIP/2.0 ")]
    assert [one for one in final if one >= 200] == ([status] if status else []), why
    wire.run(400)
    assert telephone.idle


def test_the_first_200_has_all_that_belongs_into_it() -> None:
    _wire, _telephone, raw = desk()
    routes = ["<sip:192.0.2.1;lr>, <sip:192.0.2.3;lr>", "<sip:192.0.2.4;lr>"]
    success = up(raw, Record_Route=", ".join(routes), Session_Expires="1800;refresher=uac", Supported="timer, 100rel")
    assert raw.statuses() == [100, 180, 200]
    assert success.items("Record-Route") == ["<sip:192.0.2.1;lr>", "<sip:192.0.2.3;lr>", "<sip:192.0.2.4;lr>"]
    assert str(success.contacts[0].uri) == "sip:tel@192.0.2.9:5060"
    assert success.get("Session-Expires") == "1800;refresher=uac"
    assert (success.get("Require"), success.get("Supported")) == ("timer", "timer")
    assert "UPDATE" in success.items("Allow")
    assert (success.get("Content-Type"), success.body) == ("application/sdp", ANSWER)


def test_requests_within_a_call_go_by_the_routes_in_order() -> None:
    wire, telephone, raw = desk()
    up(raw, Record_Route="<sip:a.vn;lr>, <sip:b.vn;lr>")
    telephone.calls[0].hang_up(wire.now)
    wire.run(0.1)
    bye = raw.requests("BYE")[0]
    assert bye.target == "sip:0901234567@192.0.2.1"
    assert bye.items("Route") == ["<sip:a.vn;lr>", "<sip:b.vn;lr>"]
    assert (bye.sender.tag, bye.to.tag) == (telephone.calls[0].dialog.local.tag, "theirs")  # type: ignore[union-attr]


def test_a_strict_router_gets_the_target_last() -> None:
    wire, telephone, raw = desk()
    up(raw, Record_Route="<sip:a.vn>, <sip:b.vn;lr>")
    telephone.calls[0].hang_up(wire.now)
    wire.run(0.1)
    bye = raw.requests("BYE")[0]
    assert bye.target == "sip:a.vn"
    assert bye.items("Route") == ["<sip:b.vn;lr>", "<sip:0901234567@192.0.2.1>"]


def test_a_callers_routes_are_walked_the_other_way_round() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    invite = raw.requests("INVITE")[0]
    success = invite.response(200, tag="theirs")
    success.add("Contact", "<sip:b@10.9.9.9>")
    success.add("Record-Route", "<sip:near.vn;lr>, <sip:far.vn;lr>")
    raw.say(success.encode())
    ack = raw.requests("ACK")[0]
    assert ack.items("Route") == ["<sip:far.vn;lr>", "<sip:near.vn;lr>"]
    assert (ack.target, ack.cseq.number) == ("sip:b@10.9.9.9", 1)
    assert ack.via.branch != invite.via.branch
    assert call.state is CallState.UP
    raw.say(success.encode())
    assert raw.requests("ACK")[1].encode() == ack.encode()


@pytest.mark.parametrize(
    ("contact", "known", "port"),
    [
        ("sip:a@192.0.2.1:5099", True, 5099),
        ("sip:a@192.0.2.1", True, 5060),
        ("sip:a@192.0.2.77:5099", False, 5060),
        ("sip:a@trunk.vn:5099", False, 5060),
        ("sip:a@192.0.2.1:5099;transport=tcp", True, 5060),
    ],
)
def test_no_contact_makes_us_send_to_strangers(contact: str, known: bool, port: int) -> None:
    wire, telephone, raw = desk()
    telephone.agent.known_hosts = lambda host: host == THEIRS
    up(raw, Contact=f"<{contact}>")
    telephone.calls[0].hang_up(wire.now)
    to = next(to for _, data, to in wire.sent if data.startswith(b"BYE"))
    assert (to.host, to.port) == (THEIRS, port)


def test_a_lost_connection_is_made_anew_to_the_contact() -> None:
    wire, telephone, raw = desk("tcp")
    telephone.agent.connected = lambda peer: False
    up(raw, Contact="<sip:a@10.0.0.1:5070;transport=tcp>")
    telephone.calls[0].hang_up(wire.now)
    assert next(to for _, data, to in wire.sent if data.startswith(b"BYE")) == Peer("tcp", THEIRS, 5070)


@pytest.mark.parametrize("contact", ["sip:b@10.0.0.1:5099;transport=tcp", "sip:b@10.0.0.1", "sip:b@192.0.2.1:5099"])
def test_a_call_of_ours_goes_on_to_where_it_began(contact: str) -> None:
    """Over TCP as over UDP: an address of the inner network of an exchange, or one for UDP, is not where it listens."""
    wire, telephone, raw = desk("tcp")
    local, peer = Address(read_uri(f"sip:0901@{OURS}")), Peer("tcp", THEIRS, 5070)
    telephone.agent.known_hosts = lambda host: host == THEIRS
    telephone.agent.connected = lambda peer: peer.connection != 0
    telephone.calls.append(telephone.agent.call(read_uri(f"sip:02333@{THEIRS}"), local, peer, SDP, wire.now))
    wire.run(0.1)
    success = raw.requests("INVITE")[0].response(200, tag="theirs")
    success.add("Contact", f"<{contact}>")
    raw.say(success.encode())
    telephone.calls[0].hang_up(wire.now)
    assert {to for _, data, to in wire.sent if data.startswith((b"ACK", b"BYE"))} == {peer}


def test_where_a_connection_came_from_is_not_written_down() -> None:
    """Nobody listens at that port; who ends the call for an agent that is gone tries the one that the contact names."""
    _wire, telephone, raw = desk("tcp")
    telephone.agent.connected = lambda peer: False
    up(raw, Contact="<sip:a@10.0.0.1:5070;transport=tcp>")
    dialog = telephone.calls[0].dialog
    assert dialog is not None
    assert telephone.agent.route(Dialog.read(dialog.write())) == Peer("tcp", THEIRS, 5070)


def test_a_call_without_an_offer_gets_ours_and_its_answer_comes_with_ack() -> None:
    _wire, telephone, raw = desk()
    *_, success = raw.say(request())
    assert isinstance(success, Response)
    assert success.body == ANSWER
    raw.say(within(success, "ACK", 1, SDP))
    assert telephone.answers == [SDP]


def test_a_repeated_invite_rings_once() -> None:
    _wire, telephone, raw = desk(on_call=lambda call, now: call.ring(now))
    for _ in range(3):
        raw.say(request(body=SDP))
    assert raw.statuses() == [100, 180, 180, 180]
    assert len(telephone.calls) == 1


def test_the_same_invite_by_another_way_is_a_loop() -> None:
    _wire, telephone, raw = desk()
    raw.say(request(body=SDP))
    raw.say(request(body=SDP, branch="z9hG4bKother"))
    assert raw.statuses()[-1] == 482
    assert len(telephone.calls) == 1


def test_cancel() -> None:
    wire, telephone, raw = desk(on_call=lambda call, now: call.ring(now))
    raw.say(request(body=SDP))
    raw.say(request("CANCEL"))
    assert raw.statuses() == [100, 180, 200, 487]
    assert raw.got[-1].to.tag == raw.got[-2].to.tag == raw.got[1].to.tag
    raw.say(request("ACK", To=raw.got[-1].get("To")))
    assert telephone.ended[telephone.calls[0].id].reason == "CANCEL"
    raw.say(request("CANCEL", branch="z9hG4bKelse"))
    assert raw.statuses()[-1] == 481
    wire.run(100)
    assert telephone.idle


def test_cancel_after_the_answer_changes_nothing() -> None:
    _wire, telephone, raw = desk()
    up(raw)
    raw.say(request("CANCEL"))
    assert raw.statuses()[-1] == 200
    assert telephone.calls[0].state is CallState.UP


def test_bye_before_the_answer_ends_the_invite_too() -> None:
    _wire, telephone, raw = desk(on_call=lambda call, now: call.ring(now))
    *_, ringing = raw.say(request(body=SDP))
    assert isinstance(ringing, Response)
    raw.say(within(ringing, "BYE", 2))
    assert raw.statuses()[-2:] == [200, 487]
    assert telephone.happened() == ["call", "ended"]


def test_why_a_trunk_ended_the_call_is_told() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    raw.say(within(success, "BYE", 2, Reason='SIP;cause=200, Q.850 ;cause=16;text="Normal call clearing"'))
    ending = telephone.ended[telephone.calls[0].id]
    assert (ending.status, ending.cause, ending.by_us) == (200, 16, False)


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INVITE", "OPTIONS"])
def test_no_such_call(method: str) -> None:
    _wire, telephone, raw = desk()
    raw.say(request(method, To="<sip:02333@192.0.2.9>;tag=gone"))
    assert raw.statuses()[-1] == 481
    assert telephone.calls == []


def test_an_old_number_within_a_call_is_out_of_order() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    raw.say(within(success, "BYE", 1))
    assert raw.statuses()[-1] == 500
    assert telephone.calls[0].state is CallState.UP


@pytest.mark.parametrize(
    ("headers", "status", "header"),
    [
        ({"Require": "100rel"}, 420, ("Unsupported", "100rel")),
        ({"Content-Type": "text/plain"}, 415, ("Accept", "application/sdp")),
        ({"Content-Encoding": "gzip"}, 415, ("Accept-Encoding", "identity")),
        ({"Accept": "text/plain"}, 406, None),
        ({"Session-Expires": "60", "Supported": "timer"}, 422, ("Min-SE", "90")),
        ({"Session-Expires": "soon"}, 400, None),
        ({"Contact": None}, 400, None),
    ],
)
def test_what_cannot_be_taken_is_refused_with_what_could(
    headers: dict[str, str | None], status: int, header: tuple[str, str] | None
) -> None:
    _wire, telephone, raw = desk()
    raw.say(request(body=SDP, **headers))
    refusal = raw.got[-1]
    assert isinstance(refusal, Response) and refusal.status == status
    assert header is None or header in refusal.headers
    assert telephone.calls == []


@pytest.mark.parametrize(("method", "status"), [("REGISTER", 405), ("REFER", 405), ("PRACK", 405), ("DANCE", 501)])
def test_other_methods_are_refused_with_those_that_we_have(method: str, status: int) -> None:
    _wire, _telephone, raw = desk()
    raw.say(request(method))
    refusal = raw.got[-1]
    assert isinstance(refusal, Response) and refusal.status == status
    assert refusal.items("Allow") == ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO"]


def test_options_say_what_we_can() -> None:
    _wire, _telephone, raw = desk()
    raw.say(request("OPTIONS"))
    success = up(raw)
    raw.say(within(success, "OPTIONS", 2))
    for answered in (raw.got[0], raw.got[-1]):
        assert isinstance(answered, Response) and answered.status == 200
        assert (answered.get("Accept"), answered.get("Supported")) == ("application/sdp", "timer")


def test_update_is_taken_politely() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    raw.say(within(success, "UPDATE", 2, Contact="<sip:moved@192.0.2.1>"))
    assert raw.statuses()[-1] == 200
    assert str(telephone.calls[0].dialog.target) == "sip:moved@192.0.2.1"  # type: ignore[union-attr]
    assert telephone.happened() == ["call", "up"]
    raw.say(within(success, "UPDATE", 3, SDP + b"a=sendonly\r\n"))
    assert raw.got[-1].body == ANSWER
    assert telephone.happened() == ["call", "up", "offer"]


def test_reinvite_without_an_offer_asks_for_ours() -> None:
    _wire, telephone, raw = desk()
    success = up(raw)
    raw.say(within(success, "INVITE", 2))
    assert raw.got[-1].body == ANSWER
    raw.say(within(success, "ACK", 2, SDP))
    assert telephone.answers[-1] == SDP
    assert telephone.happened() == ["call", "up", "offer", "up"]


@pytest.mark.parametrize(
    ("asked", "least", "agreed"),
    [(86_400, None, 1_800), (1_200, None, 1_200), (86_400, "7200 ;x=y", 7_200), (3_600, "soon", 1_800)],
)
def test_a_session_of_days_is_shortened(asked: int, least: str | None, agreed: int) -> None:
    """RFC 4028 §9: to no less than the other side takes."""
    _wire, _telephone, raw = desk()
    headers = {"Session_Expires": f"{asked};refresher=uac", "Supported": "timer"}
    success = up(raw, **headers, Min_SE=least)
    assert success.get("Session-Expires") == f"{agreed};refresher=uac"


def test_a_call_that_is_not_refreshed_ends() -> None:
    wire, telephone, raw = desk()
    up(raw, Session_Expires="90;refresher=uac", Supported="timer")
    wire.run(59)
    assert telephone.calls[0].state is CallState.UP
    wire.run(3)
    assert telephone.ended[telephone.calls[0].id].reason == "Session expired"
    assert raw.requests("BYE")


def test_an_offer_that_is_refused_leaves_the_call_as_it_was() -> None:
    wire, telephone, raw = desk()
    up(raw)
    call = telephone.calls[0]
    call.reinvite(SDP, wire.now)
    wire.run(0.1)
    raw.say(raw.requests("INVITE")[-1].response(488).encode())
    assert (call.state, call.description) == (CallState.UP, ANSWER)
    call.reinvite(SDP, wire.now)
    wire.run(0.1)
    raw.say(raw.requests("INVITE")[-1].response(481).encode())
    assert call.state is CallState.ENDED


def test_a_second_telephone_that_answers_is_ended() -> None:
    wire, telephone, raw = desk()
    telephone.call(THEIRS)
    wire.run(0.1)
    invite = raw.requests("INVITE")[0]
    for tag in ("first", "second"):
        success = invite.response(200, tag=tag)
        success.add("Contact", "<sip:b@192.0.2.1>")
        raw.say(success.encode())
    assert [(one.method, one.to.tag) for one in raw.got if isinstance(one, Request)][1:] == [
        ("ACK", "first"),
        ("ACK", "second"),
        ("BYE", "second"),
    ]
    assert telephone.happened() == ["ringing", "up"] or telephone.happened() == ["up"]


def test_too_many_calls_are_asked_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "MOST_CALLS", 1)
    _wire, telephone, raw = desk()
    up(raw)
    raw.say(request(body=SDP, branch="z9hG4bK2", Call_ID="other"))
    assert raw.statuses()[-1] == 503
    assert len(telephone.calls) == 1


def test_a_refused_call_is_refused_once() -> None:
    wire, telephone, raw = desk(on_call=lambda call, now: None)
    raw.say(request(body=SDP))
    call = telephone.calls[0]
    assert isinstance(call, IncomingCall)
    call.refuse(486, wire.now)
    call.refuse(404, wire.now)
    call.hang_up(wire.now)
    wire.run(0.1)
    assert raw.statuses() == [100, 486]
