"""Calls between two of our agents, over a wire that loses, doubles and reorders."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.telephony.sip.call import Call, CallState
from server.telephony.sip.dialog import Dialog
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.parsing import parse
from server.telephony.sip.server_transactions import ServerTransaction
from tests.telephony.sip.making import SDP
from tests.telephony.sip.phones import ANSWER, OURS, THEIRS, Telephone
from tests.telephony.sip.wire import Wire


def pair(wire: Wire, **options: object) -> tuple[Telephone, Telephone]:
    return Telephone(wire, THEIRS), Telephone(wire, OURS, **options)  # type: ignore[arg-type]


def test_a_call_is_set_up_and_ended_by_the_caller() -> None:
    wire = Wire()
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(1)
    assert wire.lines() == [
        "INVITE sip:02333@192.0.2.9 SIP/2.0",
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 200 OK",
        "ACK sip:tel@192.0.2.9:5060 SIP/2.0",
    ]
    incoming = callee.calls[0]
    assert isinstance(incoming, IncomingCall)
    assert (incoming.caller.name, incoming.caller.uri.user, incoming.dialled) == ("Thôn 1", "0901", "02333")
    assert incoming.offer == SDP
    assert call.state is incoming.state is CallState.UP
    assert caller.answers == [ANSWER]
    call.hang_up(wire.now)
    wire.run(60)
    assert wire.lines(1.0) == ["BYE sip:tel@192.0.2.9:5060 SIP/2.0", "SIP/2.0 200 OK"]
    assert caller.happened() == ["ringing", "up", "ended"]
    assert callee.happened() == ["call", "up", "ended"]
    assert (caller.ended[call.id].by_us, callee.ended[incoming.id].by_us) == (True, False)
    assert caller.idle and callee.idle
    assert wire.timers.next() is None


def test_a_call_is_ended_by_the_callee() -> None:
    wire = Wire()
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(1)
    callee.calls[0].hang_up(wire.now, "Meeting over")
    wire.run(60)
    assert caller.ended[call.id].by_us is False
    assert 'Reason: SIP;cause=200;text="Meeting over"' in wire.sent[-2][1].decode()
    assert caller.idle and callee.idle


@pytest.mark.parametrize("status", [404, 480, 486, 603])
def test_a_refusal_ends_the_call_with_its_status(status: int) -> None:
    wire = Wire()
    caller, callee = pair(wire, on_call=lambda call, now: call.refuse(status, now))
    call = caller.call(OURS)
    wire.run(60)
    assert caller.ended[call.id].status == callee.ended[callee.calls[0].id].status == status
    assert caller.idle and callee.idle


def test_nobody_at_all_ends_the_call_after_32_seconds() -> None:
    wire = Wire()
    caller = Telephone(wire, THEIRS)
    call = caller.call(OURS)
    wire.run(60)
    assert caller.ended[call.id].status == 408
    assert caller.idle


def test_a_call_that_rings_too_long_is_taken_back() -> None:
    wire = Wire()
    caller, callee = pair(wire, on_call=lambda call, now: call.ring(now))
    call = caller.call(OURS, ring_for=20)
    wire.run(19)
    assert call.state is CallState.CALLING
    wire.run(60)
    assert next(line.split(" ")[0] for line in wire.lines(19)) == "CANCEL"
    assert (caller.ended[call.id].reason, caller.ended[call.id].by_us) == ("No answer", True)
    assert callee.ended[callee.calls[0].id].status == 487
    assert caller.idle and callee.idle


def test_a_call_is_not_cancelled_before_anything_was_heard() -> None:
    wire = Wire(delay=(0.3, 0.3))
    caller, callee = pair(wire, on_call=lambda call, now: call.ring(now))
    call = caller.call(OURS)
    call.hang_up(wire.now)
    wire.run(0.5)
    assert wire.lines()[0].startswith("INVITE") and not any(line.startswith("CANCEL") for line in wire.lines())
    wire.run(60)
    assert len({data for _, data, _ in wire.sent if data.startswith(b"CANCEL")}) == 1
    assert caller.ended[call.id].by_us
    assert caller.idle and callee.idle


def test_an_answer_that_crosses_the_cancel_is_ended_by_bye() -> None:
    wire = Wire(delay=(0.2, 0.2))
    caller, callee = pair(wire, on_call=lambda call, now: wire.timers.at(now + 1, lambda now: call.answer(SDP, now)))
    call = caller.call(OURS)
    wire.run(1.15)
    call.hang_up(wire.now)
    wire.run(80)
    assert [line.split(" ")[0] for line in wire.lines(1.14)][:3] == ["CANCEL", "SIP/2.0", "SIP/2.0"]
    assert {"ACK", "BYE"} <= {line.split(" ")[0] for line in wire.lines(1.14)}
    assert caller.happened() == ["ended"]
    assert callee.happened() == ["call", "up", "ended"]
    assert caller.idle and callee.idle


def test_a_callee_that_hangs_up_before_the_ack_waits_for_it() -> None:
    """§15: no BYE before ACK."""
    wire = Wire(lose=lambda data: data.startswith(b"ACK") and wire.now < 2)
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(1)
    callee.calls[0].hang_up(wire.now)
    wire.run(0.4)
    assert not any(line.startswith("BYE") for line in wire.lines())
    wire.run(60)
    assert any(line.startswith("BYE") for line in wire.lines())
    assert call.state is CallState.ENDED
    assert caller.idle and callee.idle


def test_an_answer_that_nobody_acknowledges_ends_the_call() -> None:
    wire = Wire(lose=lambda data: data.startswith(b"ACK"))
    caller, callee = pair(wire)
    caller.call(OURS)
    wire.run(33)
    assert len([line for line in wire.lines() if line == "SIP/2.0 200 OK"]) == 12
    assert callee.ended[callee.calls[0].id].reason == "No ACK"
    wire.run(80)
    assert caller.idle and callee.idle


def test_hold_and_resume() -> None:
    wire = Wire()
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(1)
    held = SDP + b"a=sendonly\r\n"
    call.reinvite(held, wire.now)
    wire.run(1)
    assert callee.answers == [b"", held]
    assert (call.description, callee.calls[0].description) == (held, ANSWER)
    callee.calls[0].reinvite(ANSWER, wire.now)
    wire.run(1)
    assert caller.happened()[-1] == "offer"
    caller.offer_answer = None
    callee.calls[0].reinvite(ANSWER, wire.now)
    wire.run(1)
    assert "SIP/2.0 488 Not Acceptable Here" in wire.lines(3)
    assert call.state is CallState.UP


def test_both_change_the_call_at_once() -> None:
    wire = Wire(delay=(0.1, 0.1))
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(1)
    caller.offer_answer, callee.offer_answer = SDP + b"a=caller\r\n", SDP + b"a=callee\r\n"
    call.reinvite(caller.offer_answer, wire.now)
    callee.calls[0].reinvite(callee.offer_answer, wire.now)
    wire.run(10)
    assert wire.lines(1).count("SIP/2.0 491 Request Pending") == 2
    assert callee.answers[-1] == SDP + b"a=caller\r\n", "the caller waits longer"
    assert SDP + b"a=callee\r\n" in caller.answers
    assert call.state is callee.calls[0].state is CallState.UP


def test_a_call_that_is_not_up_cannot_be_changed() -> None:
    wire = Wire()
    caller, _callee = pair(wire, on_call=lambda call, now: call.ring(now))
    call = caller.call(OURS)
    with pytest.raises(ProtocolError):
        call.reinvite(SDP, wire.now)


def test_a_session_is_refreshed_by_whom_it_was_agreed_with() -> None:
    wire = Wire()
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(899)
    assert len(wire.sent) == 5
    wire.run(5_000)
    updates = [line for line in wire.lines() if line.startswith("UPDATE")]
    assert len(updates) == 6
    assert call.state is callee.calls[0].state is CallState.UP


def test_a_session_goes_on_where_update_is_named_but_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(call: Call, transaction: ServerTransaction, now: float) -> None:
        call.agent.refuse(transaction, 500, now)

    monkeypatch.setattr(Call, "_updated", refused)
    wire = Wire()
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(5_000)
    assert len([line for line in wire.lines() if line.startswith("UPDATE")]) == 1, "it is not asked twice"
    assert len([line for line in wire.lines() if line.startswith("INVITE")]) >= 5
    assert call.state is callee.calls[0].state is CallState.UP


@pytest.mark.parametrize("side", ["who refreshes", "who waits for it"])
def test_a_call_whose_other_side_is_gone_ends(side: str) -> None:
    wire = Wire()
    caller, callee = pair(wire)
    caller.call(OURS)
    wire.run(10)
    wire.loss = 1.0
    wire.run(2_000)
    left = caller if side == "who refreshes" else callee
    assert left.ended[left.calls[0].id].status == 408
    assert len(left.agent.calls) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_of_a_hundred_calls_with_a_fifth_of_all_messages_lost(seed: int) -> None:
    wire = Wire(loss=0.2, delay=(0.005, 0.15), seed=seed)
    caller, callee = pair(wire)
    calls = []
    for _ in range(100):
        calls.append(caller.call(OURS))
        wire.run(0.05)
    wire.run(70)
    assert [call.state for call in calls] == [CallState.UP] * 100
    assert [call.state for call in callee.calls] == [CallState.UP] * 100
    theirs = {call.dialog.call_id: call for call in callee.calls if call.dialog}
    for number, call in enumerate(calls):
        assert call.dialog is not None
        (call if number % 2 else theirs[call.dialog.call_id]).hang_up(wire.now)
    wire.run(80)
    assert {ending.reason for ending in (caller.ended | callee.ended).values()} == {"BYE"}
    assert len(caller.ended) == len(callee.ended) == len(callee.calls) == 100
    assert caller.idle and callee.idle


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0, 0.3),
    st.floats(0, 0.4),
    st.sampled_from(["udp", "tcp"]),
    st.lists(st.tuples(st.floats(0, 4), st.sampled_from(["caller", "callee"]), st.sampled_from(["end", "change"]))),
    st.sampled_from([0.0, 0.3, 2.0]),
)
def test_whatever_both_sides_do_every_call_ends_once_and_nothing_stays(
    seed: int, loss: float, doubled: float, transport: str, deeds: list[tuple[float, str, str]], ringing: float
) -> None:
    wire = Wire(0.0 if transport == "tcp" else loss, doubled, (0.001, 0.8), transport, seed)

    def take(call: IncomingCall, now: float) -> None:
        call.ring(now)
        wire.timers.at(now + ringing, lambda now: call.state is CallState.OFFERED and call.answer(ANSWER, now))

    caller, callee = pair(wire, on_call=take)
    caller.call(OURS)
    for wait, who, deed in [*deeds, (5.0, "callee", "end"), (80.0, "caller", "end"), (80.0, "callee", "end")]:
        wire.run(wait)
        for call in (caller if who == "caller" else callee).calls:
            if deed == "end":
                call.hang_up(wire.now)
            elif call.state is CallState.UP:
                call.reinvite(SDP, wire.now)
    wire.run(300)
    assert len(caller.ended) == 1
    assert len(callee.ended) == len(callee.calls) <= 1
    assert caller.idle and callee.idle
    assert wire.timers.next() is None
    for _, data, _ in wire.sent:
        parse(data)


@pytest.mark.parametrize("caller_is_ours", [True, False])
def test_a_call_is_ended_for_an_agent_that_is_gone(caller_is_ours: bool) -> None:
    wire = Wire()
    caller, callee = pair(wire)
    call = caller.call(OURS)
    wire.run(1)
    before, other = (caller, callee) if caller_is_ours else (callee, caller)
    dialog = before.calls[0].dialog
    assert dialog is not None
    before.calls[0].reinvite(SDP, wire.now)  # it is numbered above what has come since
    wire.run(1)
    text = dialog.write()
    anew = Telephone(wire, THEIRS if caller_is_ours else OURS)
    anew.agent.end_for_another(Dialog.read(text), wire.now, "Server restarted")
    wire.run(60)
    (ended,) = other.ended.values()
    assert (ended.status, ended.reason, ended.by_us) == (200, "BYE", False)
    assert other.idle and anew.idle
    assert call.id in caller.ended or caller_is_ours


@pytest.mark.parametrize("text", ["", "[]", "{}", '["a","b","c","d",["udp","h",5060],[],1]', "null"])
def test_a_dialog_that_is_not_as_it_was_written_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        Dialog.read(text)
