"""Calls without a session timer: whether the other side is still there is asked, and nobody who is there is let go."""

from __future__ import annotations

import pytest

from server.telephony.sip import watch
from server.telephony.sip.call import CallState
from server.telephony.sip.message import Request
from server.telephony.sip.parsing import parse
from server.telephony.sip.peer import Peer
from tests.telephony.sip.making import SDP
from tests.telephony.sip.phones import ANSWER, OURS, THEIRS, Raw, Telephone
from tests.telephony.sip.test_agent import desk, up, within
from tests.telephony.sip.test_calls import pair
from tests.telephony.sip.wire import Wire

HOUR = 3_600.0


def test_a_peer_that_vanished_is_noticed() -> None:
    wire, telephone, raw = desk()
    up(raw)
    wire._ends.pop(THEIRS)
    wire.run(watch.ASKED_EVERY + 65)
    ending = telephone.ended[telephone.calls[0].id]
    assert (ending.status, ending.by_us) == (408, False)
    wire.run(100)
    assert telephone.idle
    assert wire.timers.next() is None


def test_a_peer_that_vanished_is_noticed_in_a_call_of_ours() -> None:
    wire = Wire(delay=(0.001, 0.001))
    telephone, raw = Telephone(wire, OURS), Raw(wire)
    call = telephone.call(THEIRS)
    wire.run(0.1)
    raw.say(taken(raw.requests("INVITE")[0]))
    wire._ends.pop(THEIRS)
    wire.run(watch.ASKED_EVERY + 65)
    assert telephone.ended[call.id].status == 408


def taken(invite: Request) -> bytes:
    success = invite.response(200, tag="theirs")
    success.add("Contact", "<sip:b@192.0.2.1>")
    return success.encode()


class Answering:
    """The other side, answering what it is asked as the test says; None is no answer."""

    def __init__(self, wire: Wire, answers: dict[str, int | None]) -> None:
        self.asked: list[Request] = []
        self.answers = answers
        self.raw = Raw(wire)
        self._send = wire.attach(THEIRS, self._came)

    def _came(self, data: bytes, peer: Peer, now: float) -> None:
        message = parse(data)
        self.raw.got.append(message)
        if not isinstance(message, Request) or message.method == "ACK":
            return
        self.asked.append(message)
        status = self.answers.get(message.method)
        if status is not None:
            response = message.response(status, tag="theirs")
            response.add("Contact", "<sip:b@192.0.2.1>")
            if message.body:
                response.add("Content-Type", "application/sdp")
                response.body = SDP
            self._send(response.encode(), self.raw.wire.peer(OURS))

    def methods(self) -> list[str]:
        """Each request once, whatever it was sent again."""
        return [method for _, method in dict.fromkeys((one.cseq.number, one.method) for one in self.asked)]


def begun(answers: dict[str, int | None], **headers: str | None) -> tuple[Wire, Telephone, Answering]:
    wire = Wire(delay=(0.001, 0.001))
    telephone, theirs = Telephone(wire, OURS), Answering(wire, answers)
    up(theirs.raw, **headers)
    return wire, telephone, theirs


@pytest.mark.parametrize("status", [200, 400, 403, 404, 480, 486, 500, 503])
def test_whoever_answers_is_there(status: int) -> None:
    wire, telephone, theirs = begun({"OPTIONS": status})
    wire.run(HOUR)
    assert telephone.calls[0].state is CallState.UP
    assert theirs.methods() == ["OPTIONS"] * round(HOUR / watch.ASKED_EVERY)
    asked = theirs.asked[0]
    assert (asked.to.tag, asked.call_id) == ("theirs", "call@192.0.2.1")
    assert (asked.get("Accept"), asked.body) == ("application/sdp", b"")


@pytest.mark.parametrize("status", [405, 501])
def test_who_does_not_take_options_is_asked_by_invite(status: int) -> None:
    wire, telephone, theirs = begun({"OPTIONS": status, "INVITE": 200})
    wire.run(HOUR)
    call = telephone.calls[0]
    assert (call.state, call.description) == (CallState.UP, ANSWER)
    assert theirs.methods() == ["OPTIONS"] + ["INVITE"] * round(HOUR / watch.ASKED_EVERY)


def test_who_says_that_it_takes_no_options_is_not_asked_so() -> None:
    wire, telephone, theirs = begun({"INVITE": 200}, Allow="INVITE, ACK, CANCEL, BYE")
    wire.run(HOUR)
    assert telephone.calls[0].state is CallState.UP
    assert set(theirs.methods()) == {"INVITE"}


@pytest.mark.parametrize("status", [None, 408])
@pytest.mark.parametrize("invite", [200, 488, 500])
def test_silence_to_options_alone_ends_no_call(status: int | None, invite: int) -> None:
    wire, telephone, theirs = begun({"OPTIONS": status, "INVITE": invite})
    wire.run(HOUR)
    assert telephone.calls[0].state is CallState.UP
    assert theirs.methods()[:2] == ["OPTIONS", "INVITE"]


@pytest.mark.parametrize(
    "answers", [{"OPTIONS": 481}, {"OPTIONS": 408, "INVITE": 408}, {"OPTIONS": 501, "INVITE": 481}]
)
def test_who_knows_of_no_call_has_none(answers: dict[str, int | None]) -> None:
    """RFC 3261 §12.2.1.2."""
    wire, telephone, _theirs = begun({"BYE": 481} | answers)
    wire.run(watch.ASKED_EVERY + 1)
    assert telephone.ended[telephone.calls[0].id].reason == "Lost"
    wire.run(40)
    assert telephone.idle


@pytest.mark.parametrize("session", [None, "1800;refresher=uas"])
def test_whose_sound_has_stopped_is_asked_at_once(session: str | None) -> None:
    headers = {"Session-Expires": session, "Supported": "timer"} if session else {}
    wire, telephone, theirs = begun({"OPTIONS": 200}, **headers)
    wire.run(10)
    telephone.calls[0].watch.doubt(wire.now)
    wire.run(70)
    assert telephone.calls[0].state is CallState.UP
    assert theirs.methods() == ["OPTIONS"]
    theirs.answers = {"OPTIONS": 404, "INVITE": 200}
    telephone.calls[0].watch.doubt(wire.now)
    wire.run(70)
    assert telephone.calls[0].state is CallState.UP
    assert theirs.methods() == ["OPTIONS", "OPTIONS", "INVITE"]
    wire._ends.pop(THEIRS)
    telephone.calls[0].watch.doubt(wire.now)
    wire.run(65)
    assert telephone.ended[telephone.calls[0].id].status == 408


def test_a_telephone_that_has_begun_anew_knows_of_no_call() -> None:
    wire, telephone, _theirs = begun({"OPTIONS": 404, "INVITE": 481, "BYE": 481})
    wire.run(10)
    telephone.calls[0].watch.doubt(wire.now)
    wire.run(1)
    assert telephone.ended[telephone.calls[0].id].reason == "Lost"


def test_who_speaks_is_not_asked() -> None:
    wire, telephone, raw = desk()
    success = up(raw)
    for number in range(2, 20):
        wire.run(watch.ASKED_EVERY - 10)
        raw.say(within(success, "INFO" if number % 2 else "OPTIONS", number))
    assert telephone.calls[0].state is CallState.UP
    assert [one.method for one in raw.got if isinstance(one, Request)] == []


def test_where_a_session_timer_is_agreed_nothing_is_asked_beside_it() -> None:
    wire = Wire()
    caller, callee = pair(wire)
    caller.call(OURS)
    wire.run(5 * HOUR)
    assert not any(line.startswith("OPTIONS") for line in wire.lines())
    assert caller.calls[0].state is callee.calls[0].state is CallState.UP


@pytest.mark.parametrize("status", [403, 488, 500, 503, 504])
def test_a_refresh_that_is_refused_for_a_while_is_tried_again(status: int) -> None:
    """An exchange that is overloaded, or busy with the call, at that moment; who refuses is there."""
    wire, telephone, theirs = begun({"INVITE": status}, Session_Expires="1800;refresher=uas", Supported="timer")
    wire.run(900 + 200)
    assert theirs.methods().count("INVITE") > 3
    theirs.answers["INVITE"] = 200
    wire.run(HOUR)
    assert telephone.calls[0].state is CallState.UP
    assert theirs.methods().count("INVITE") < 20


def test_a_refresh_that_is_always_refused_ends_the_session_in_its_time() -> None:
    wire, telephone, theirs = begun({"INVITE": 500}, Session_Expires="90;refresher=uas", Supported="timer")
    wire.run(70)
    assert telephone.calls[0].state is CallState.UP
    wire.run(20)
    assert telephone.ended[telephone.calls[0].id].status == 408
    theirs.answers["BYE"] = 200
    wire.run(100)
    assert telephone.idle
    assert wire.timers.next() is None


def test_an_ended_call_is_not_asked_about() -> None:
    wire, telephone, theirs = begun({"OPTIONS": 200, "BYE": 200})
    telephone.calls[0].hang_up(wire.now)
    wire.run(HOUR)
    assert theirs.methods() == ["BYE"]
    assert telephone.idle
    assert wire.timers.next() is None


def test_a_call_that_ends_while_it_is_asked_about_ends_once() -> None:
    wire, telephone, theirs = begun({"OPTIONS": None, "BYE": 200})
    wire.run(watch.ASKED_EVERY + 1)
    telephone.calls[0].hang_up(wire.now)
    wire.run(HOUR)
    assert set(theirs.methods()) == {"OPTIONS", "BYE"}
    assert telephone.idle


def test_a_lost_connection_alone_ends_no_call() -> None:
    wire, telephone, raw = desk("tcp")
    up(raw)
    wire.run(watch.ASKED_EVERY - 1)
    asked = [data for _, data, _ in wire.sent if data.startswith(b"OPTIONS")]
    assert asked == []
    wire.run(2)
    telephone.layer.connection_lost(wire.peer(THEIRS), wire.now)
    wire.run(0.1)
    assert telephone.calls[0].state is CallState.UP
    assert raw.requests("INVITE")
