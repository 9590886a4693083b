"""Changing a call that is up: whose offer counts, what a refusal leaves, and what our ACK carries."""

from __future__ import annotations

import random

import pytest

from server.calls.sound import Side
from server.telephony.sip.call import Call, CallState
from server.telephony.sip.message import Request
from tests.telephony.sip.making import SDP
from tests.telephony.sip.phones import THEIRS, Raw, Telephone
from tests.telephony.sip.test_agent import desk, up, within
from tests.telephony.sip.test_trunk import CREDENTIALS, challenge
from tests.telephony.sip.wire import Wire

OLD, NEW = SDP + b"a=old\r\n", SDP + b"a=new\r\n"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was refused by 491 is offered again as late as RFC 3261 §14.1 allows, so that much can come before it."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


def offer(wire: Wire, call: Call, description: bytes) -> None:
    call.reinvite(description, wire.now)
    wire.run(0.01)


def accept(invite: Request, **headers: str) -> bytes:
    success = invite.response(200, tag="theirs")
    success.add("Contact", "<sip:b@192.0.2.1>")
    success.add("Content-Type", "application/sdp")
    for name, value in headers.items():
        success.add(name.replace("_", "-"), value)
    success.body = SDP
    return success.encode()


def offered(raw: Raw) -> list[bytes]:
    """What each re-INVITE said, in order, those sent again left out."""
    return list({one.cseq.number: one.body for one in raw.requests("INVITE")}.values())


def test_what_was_to_be_offered_again_is_not_once_something_newer_is_agreed() -> None:
    wire, telephone, raw = desk()
    up(raw)
    call = telephone.calls[0]
    offer(wire, call, OLD)
    raw.say(raw.requests("INVITE")[-1].response(491).encode())
    offer(wire, call, NEW)
    raw.say(accept(raw.requests("INVITE")[-1]))
    wire.run(10)
    assert offered(raw) == [OLD, NEW]
    assert call.description == NEW


def test_a_refused_offer_does_not_push_away_a_newer_one_that_waits() -> None:
    wire, telephone, raw = desk()
    up(raw)
    call = telephone.calls[0]
    offer(wire, call, OLD)
    call.reinvite(NEW, wire.now)
    raw.say(raw.requests("INVITE")[0].response(491).encode())
    wire.run(5)
    assert offered(raw) == [OLD, NEW]
    raw.say(accept(raw.requests("INVITE")[-1]))
    wire.run(10)
    assert offered(raw) == [OLD, NEW]


def test_what_is_offered_again_comes_after_what_we_answered_meanwhile() -> None:
    """RFC 3264 §8: the version in o= goes up with each description, and what it says is the newest."""
    wire, telephone, raw = desk()
    side = Side("192.0.2.9", 40_000)

    def on_offer(call: Call, description: bytes, now: float) -> bytes:
        return side.answer(description)[1] if description else side.offer()

    telephone.on_offer = on_offer  # type: ignore[method-assign]
    success = up(raw)
    call = telephone.calls[0]
    side.answer(SDP)
    side.moved(40_002)
    offer(wire, call, side.offer())
    raw.say(raw.requests("INVITE")[-1].response(491).encode())
    side.moved(40_004)
    answered = raw.say(within(success, "INVITE", 2, SDP))[-1]
    raw.say(within(success, "ACK", 2))
    wire.run(5)
    first, again = offered(raw)
    assert [version(first), version(answered.body), version(again)] == [2, 3, 4]
    assert b"m=audio 40004 " in again
    raw.say(accept(raw.requests("INVITE")[-1]))
    assert call.description == again


def version(description: bytes) -> int:
    """Of o=."""
    return int(description.split(b"\r\no=")[1].split(b" ")[2])


def test_a_refresh_offers_nothing_older_than_what_waits() -> None:
    """RFC 4028 §7.4: a refresh by INVITE describes the sound as it is."""
    wire, telephone, raw = desk()
    up(raw, Session_Expires="90;refresher=uas", Supported="timer", Allow="INVITE")
    wire.run(44.5)
    call = telephone.calls[0]
    offer(wire, call, NEW)
    wire.run(1)  # it is time to refresh, and the newer one is not answered yet
    raw.say(accept(raw.requests("INVITE")[-1], Session_Expires="90;refresher=uac", Require="timer"))
    wire.run(10)
    assert offered(raw) == [NEW]
    assert call.description == NEW


def test_an_answer_that_comes_again_is_not_the_answer_to_the_next_offer() -> None:
    wire, telephone, raw = desk()
    up(raw)
    call = telephone.calls[0]
    offer(wire, call, OLD)
    first = accept(raw.requests("INVITE")[-1])
    raw.say(first)
    offer(wire, call, NEW)
    raw.say(first)
    assert call.description == OLD
    assert [one.cseq.number for one in raw.requests("ACK")] == [
        one.cseq.number for one in raw.requests("INVITE")[:1]
    ] * 2
    raw.say(accept(raw.requests("INVITE")[-1]))
    assert call.description == NEW


def test_an_offer_that_we_refuse_does_not_move_the_target() -> None:
    """RFC 3261 §14.2, RFC 6141: what was refused has changed nothing."""
    _wire, telephone, raw = desk()
    success = up(raw)
    dialog = telephone.calls[0].dialog
    assert dialog is not None
    before = str(dialog.target)
    telephone.offer_answer = None
    raw.say(within(success, "INVITE", 2, SDP, Contact="<sip:moved@192.0.2.77>"))
    raw.say(within(success, "ACK", 2))
    raw.say(within(success, "UPDATE", 3, SDP, Contact="<sip:moved@192.0.2.77>"))
    assert raw.statuses()[-2:] == [488, 488]
    assert str(dialog.target) == before
    telephone.offer_answer = SDP
    raw.say(within(success, "INVITE", 4, SDP, Contact="<sip:moved@192.0.2.77>"))
    assert str(dialog.target) == "sip:moved@192.0.2.77"


def proved() -> tuple[Wire, Telephone, Raw, Call]:
    """A call of ours that a proxy and the server behind it both asked a proof for."""
    wire = Wire(delay=(0.001, 0.001))
    telephone, raw = Telephone(wire, "192.0.2.9"), Raw(wire)
    call = telephone.call(THEIRS, credentials=CREDENTIALS)
    wire.run(0.1)
    raw.say(challenge(raw.requests("INVITE")[0]))
    raw.say(challenge(raw.requests("INVITE")[1], 401))
    raw.say(accept(raw.requests("INVITE")[2]))
    assert call.state is CallState.UP
    return wire, telephone, raw, call


def proofs(request: Request) -> list[str]:
    return request.all("Proxy-Authorization") + request.all("Authorization")


def test_the_ack_carries_the_proofs_of_its_invite() -> None:
    """RFC 3261 §13.2.2.4."""
    wire, _telephone, raw, call = proved()
    invite, ack = raw.requests("INVITE")[-1], raw.requests("ACK")[-1]
    assert (ack.cseq.number, len(proofs(ack))) == (invite.cseq.number, 2)
    assert proofs(ack) == proofs(invite)
    offer(wire, call, NEW)
    raw.say(challenge(raw.requests("INVITE")[-1], nonce="n2"))
    second = raw.requests("INVITE")[-1]
    for _ in range(2):
        raw.say(accept(second))
    first, again = raw.requests("ACK")[-2:]
    assert proofs(first) == proofs(second) != []
    assert again.encode() == first.encode()


def test_so_does_that_of_an_answer_which_came_too_late() -> None:
    wire = Wire(delay=(0.001, 0.001))
    telephone, raw = Telephone(wire, "192.0.2.9"), Raw(wire)
    call = telephone.call(THEIRS, credentials=CREDENTIALS)
    wire.run(0.1)
    raw.say(challenge(raw.requests("INVITE")[0]))
    invite = raw.requests("INVITE")[1]
    call.hang_up(wire.now)
    raw.say(accept(invite))
    assert proofs(raw.requests("ACK")[-1]) == proofs(invite) != []
    assert raw.requests("BYE")


def test_in_a_call_that_came_in_we_prove_who_we_are_too() -> None:
    """An exchange that we are a subscriber of asks it of all that we say, also of BYE in a call of its own."""
    wire = Wire(delay=(0.001, 0.001))
    telephone, raw = Telephone(wire, "192.0.2.9"), Raw(wire)
    telephone.agent.credentials = lambda peer: CREDENTIALS if peer.host == THEIRS else None
    up(raw)
    offer(wire, telephone.calls[0], NEW)
    raw.say(challenge(raw.requests("INVITE")[0]))
    raw.say(accept(raw.requests("INVITE")[1]))
    assert telephone.calls[0].description == NEW
    telephone.calls[0].hang_up(wire.now)
    wire.run(0.1)
    raw.say(challenge(raw.requests("BYE")[0], 401))
    assert proofs(raw.requests("BYE")[-1]) != []


def test_so_does_who_ends_the_call_of_a_server_that_is_gone() -> None:
    wire = Wire(delay=(0.001, 0.001))
    telephone, raw = Telephone(wire, "192.0.2.9"), Raw(wire)
    up(raw)
    dialog = telephone.calls[0].dialog
    assert dialog is not None
    anew = Telephone(wire, "192.0.2.9")
    anew.agent.credentials = lambda peer: CREDENTIALS
    anew.agent.end_for_another(dialog, wire.now, "Server restart")
    wire.run(0.1)
    raw.say(challenge(raw.requests("BYE")[0], 401))
    assert proofs(raw.requests("BYE")[-1]) != []
