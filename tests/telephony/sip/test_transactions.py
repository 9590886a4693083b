"""The transaction layer against a wire in made-up time: the schedules of RFC 3261 §17 and who is told what."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.telephony.sip import layer as layers
from server.telephony.sip.layer import TransactionLayer
from server.telephony.sip.message import Request, Response
from server.telephony.sip.parsing import parse
from server.telephony.sip.peer import Peer
from server.telephony.sip.server_transactions import InviteServerTransaction, ServerTransaction
from server.telephony.sip.states import CLIENT, INVITE_CLIENT, INVITE_SERVER, SERVER, Event, State
from tests.telephony.sip.making import request
from tests.telephony.sip.wire import Wire

OURS, THEIRS = "192.0.2.9", "192.0.2.1"


class Server:
    """Answers what it is asked by a script: status by method, after a time."""

    def __init__(self, wire: Wire, answers: dict[str, list[tuple[float, int]]]) -> None:
        self.wire, self.answers = wire, answers
        self.asked: list[Request] = []
        self.acks: list[Request] = []
        self.transactions: list[ServerTransaction] = []
        send = wire.attach(THEIRS, lambda data, peer, now: self.layer.receive(data, peer, now))
        self.layer = TransactionLayer(send, lambda peer: f"{THEIRS}:5060", wire.timers)
        self.layer.user = self

    def on_request(self, transaction: ServerTransaction, now: float) -> None:
        self.asked.append(transaction.request)
        self.transactions.append(transaction)
        if isinstance(transaction, InviteServerTransaction):
            transaction.on_ack = lambda ack, now: self.acks.append(ack)
        for after, status in self.answers.get(transaction.request.method, []):
            response = transaction.request.response(status, tag="theirs")
            self.wire.timers.at(now + after, lambda now, response=response: transaction.respond(response, now))

    def on_ack(self, ack: Request, now: float) -> None:
        self.acks.append(ack)


class Client:
    """Asks, and notes what it is told and when."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.told: list[tuple[float, int | None]] = []
        send = wire.attach(OURS, lambda data, peer, now: self.layer.receive(data, peer, now))
        self.layer = TransactionLayer(send, lambda peer: f"{OURS}:5060", wire.timers)

    def ask(self, method: str) -> Request:
        asked = parse(request(method))
        assert isinstance(asked, Request)
        asked.headers = [header for header in asked.headers if header[0] != "Via"]
        del asked.__dict__["via"]
        self.layer.request(asked, self.wire.peer(THEIRS), self._hear, self.wire.now)
        return asked

    def _hear(self, response: Response | None, now: float) -> None:
        self.told.append((round(now, 2), response.status if response else None))


def sent_at(wire: Wire, line: str) -> list[float]:
    return [round(at, 2) for at, data, _ in wire.sent if data.startswith(line.encode())]


def test_an_invite_that_nobody_answers_is_repeated_at_doubling_distances() -> None:
    wire = Wire(loss=1.0)
    client = Client(wire)
    client.ask("INVITE")
    wire.run(100)
    assert sent_at(wire, "INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert client.told == [(32.0, None)]
    assert len(client.layer) == 0
    assert client.layer.counts.unanswered == 1


def test_another_request_that_nobody_answers_is_repeated_every_four_seconds_at_last() -> None:
    wire = Wire(loss=1.0)
    client = Client(wire)
    client.ask("BYE")
    wire.run(100)
    assert sent_at(wire, "BYE") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert client.told == [(32.0, None)]


def test_what_is_answered_is_not_waited_for_nor_whether_somebody_is_there() -> None:
    wire = Wire()
    client, _server = Client(wire), Server(wire, {"BYE": [(3, 200)], "INVITE": [(1, 180), (5, 200)], "OPTIONS": []})
    for method in ("BYE", "INVITE", "OPTIONS"):
        client.ask(method)
    assert client.layer.asking == 2
    wire.run(4)
    assert client.layer.asking == 1, "a call that rings"
    wire.run(2)
    assert (client.layer.asking, len(client.layer)) == (0, 3), "they stay, for repetitions"


def test_over_tcp_nothing_is_repeated() -> None:
    wire = Wire(loss=1.0, transport="tcp")
    client = Client(wire)
    client.ask("INVITE")
    client.ask("OPTIONS")
    wire.run(100)
    assert len(wire.sent) == 2
    assert client.told == [(32.0, None), (32.0, None)]


def test_a_lost_connection_ends_what_went_by_it() -> None:
    wire = Wire(transport="tcp")
    client = Client(wire)
    client.ask("INVITE")
    client.layer.connection_lost(wire.peer(THEIRS), 1.0)
    client.layer.connection_lost(Peer("tcp", THEIRS, 5060, 8), 1.0)
    assert client.told == [(1.0, None)]
    wire.run(100)
    assert len(client.layer) == 0


def test_a_provisional_response_stops_the_repetition_of_invite() -> None:
    wire = Wire()
    client, _server = Client(wire), Server(wire, {"INVITE": [(3, 180), (50, 486)]})
    client.ask("INVITE")
    wire.run(200)
    assert sent_at(wire, "INVITE") == [0]
    assert client.told == [(0.02, 100), (3.02, 180), (50.02, 486)]


def test_a_ringing_that_never_ends_ends() -> None:
    wire = Wire()
    client, _server = Client(wire), Server(wire, {})
    client.ask("INVITE")
    wire.run(400)
    assert client.told == [(0.02, 100), (180.02, None)]


def test_a_refusal_is_repeated_until_it_is_acknowledged() -> None:
    wire = Wire()
    client, server = Client(wire), Server(wire, {"INVITE": [(0, 486)]})
    wire.lose = lambda data: data.startswith(b"ACK") and wire.now < 3
    client.ask("INVITE")
    wire.run(100)
    assert sent_at(wire, "SIP/2.0 486") == [0.01, 0.51, 1.51, 3.51]
    assert len(sent_at(wire, "ACK")) == 4
    assert [status for _, status in client.told] == [100, 486]
    assert server.acks == []
    assert len(client.layer) == len(server.layer) == 0
    ack = parse(next(data for _, data, _ in wire.sent if data.startswith(b"ACK")))
    invite = parse(next(data for _, data, _ in wire.sent if data.startswith(b"INVITE")))
    assert (ack.via, ack.to.tag, ack.cseq.number) == (invite.via, "theirs", invite.cseq.number)


def test_a_refusal_that_is_never_acknowledged_is_forgotten() -> None:
    wire = Wire(lose=lambda data: data.startswith(b"ACK"))
    client, server = Client(wire), Server(wire, {"INVITE": [(0, 404)]})
    client.ask("INVITE")
    wire.run(200)
    assert len(sent_at(wire, "SIP/2.0 404")) == 11
    assert len(client.layer) == len(server.layer) == 0


def test_each_2xx_of_an_invite_is_told_and_a_late_invite_makes_no_second_call() -> None:
    """RFC 6026: Accepted takes repetitions on both sides for 64*T1."""
    wire = Wire()
    client, server = Client(wire), Server(wire, {"INVITE": [(0, 200), (0.5, 200)]})
    invite = client.ask("INVITE").encode()
    wire.run(1)
    assert [status for _, status in client.told] == [100, 200, 200]
    server.layer.receive(invite, wire.peer(OURS), wire.now)
    assert len(server.asked) == 1
    wire.run(40)
    assert len(client.layer) == len(server.layer) == 0


def test_an_ack_with_the_invites_own_branch_is_told_too() -> None:
    """Old elements send it so."""
    wire = Wire()
    client, server = Client(wire), Server(wire, {"INVITE": [(0, 200)]})
    invite = client.ask("INVITE")
    wire.run(1)
    ack = request("ACK", Via=str(invite.via), To="<sip:02333@192.0.2.9>;tag=theirs")
    server.layer.receive(ack, wire.peer(OURS), wire.now)
    assert len(server.acks) == 1


def test_a_repeated_request_gets_the_same_answer_and_is_told_once() -> None:
    wire = Wire()
    client, server = Client(wire), Server(wire, {"OPTIONS": [(1, 200)]})
    wire.lose = lambda data: data.startswith(b"SIP/2.0 200") and wire.now < 3
    client.ask("OPTIONS")
    wire.run(100)
    assert len(server.asked) == 1
    assert [status for _, status in client.told] == [200]
    assert len({data for _, data, _ in wire.sent if data.startswith(b"SIP")}) == 1
    assert server.layer.counts.repeated == 3
    assert len(client.layer) == len(server.layer) == 0


def test_requests_without_a_unique_branch_are_matched_by_their_other_fields() -> None:
    wire = Wire()
    server = Server(wire, {"OPTIONS": [(0, 200)]})
    old = request("OPTIONS", Via="SIP/2.0/UDP 192.0.2.9")
    for data in (old, old, old.replace(b"CSeq: 1 ", b"CSeq: 2 "), old.replace(b"call@", b"other@")):
        server.layer.receive(data, wire.peer(OURS), 0.0)
    assert len(server.asked) == 3


def test_a_cancel_finds_its_invite() -> None:
    wire = Wire()
    server = Server(wire, {})
    for extra in ({}, {"Via": "SIP/2.0/UDP 192.0.2.9"}):
        server.layer.receive(request(**extra), wire.peer(OURS), 0.0)
        server.layer.receive(request("CANCEL", **extra), wire.peer(OURS), 0.0)
        cancel = server.asked[-1]
        assert cancel.method == "CANCEL"
        found = server.layer.cancelled_by(cancel)
        assert found is server.transactions[-2]
    stranger = parse(request("CANCEL", branch="z9hG4bKother"))
    assert isinstance(stranger, Request)
    assert server.layer.cancelled_by(stranger) is None


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1", 5062),
        ("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1", 5060),
        ("SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1;rport", 40_000),
    ],
)
def test_answers_go_where_the_via_wants_them_at_the_address_that_it_came_from(via: str, port: int) -> None:
    wire = Wire()
    server = Server(wire, {"OPTIONS": [(0, 200)]})
    server.layer.receive(request("OPTIONS", Via=via), Peer("udp", OURS, 40_000), 0.0)
    wire.run(1)
    assert [(to.host, to.port) for _, _, to in wire.sent] == [(OURS, port)]


def test_a_malformed_request_is_refused_with_the_same_tag_each_time() -> None:
    wire = Wire()
    server = Server(wire, {})
    for _ in range(2):
        server.layer.receive(request(CSeq="1 BYE"), wire.peer(OURS), 0.0)
    assert wire.lines() == ["SIP/2.0 400 Bad Request: CSeq names another method"] * 2
    assert wire.sent[0][1] == wire.sent[1][1]
    assert parse(wire.sent[0][1]).to.tag
    assert (server.layer.counts.refused, len(server.layer)) == (2, 0)


def test_too_many_at_once_are_asked_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MOST_TRANSACTIONS", 2)
    wire = Wire()
    server = Server(wire, {})
    for number in range(3):
        server.layer.receive(request("OPTIONS", branch=f"z9hG4bK{number}"), wire.peer(OURS), 0.0)
    assert len(server.asked) == 2
    refused = parse(wire.sent[-1][1])
    assert isinstance(refused, Response)
    assert (refused.status, refused.get("Retry-After")) == (503, "5")


def test_a_response_to_nothing_that_we_asked_is_dropped() -> None:
    wire = Wire()
    client, _server = Client(wire), Server(wire, {"OPTIONS": [(0, 200)]})
    asked = client.ask("OPTIONS")
    for via in (["SIP/2.0/UDP a;branch=z9hG4bKx"], [str(asked.via), "SIP/2.0/UDP b;branch=z9hG4bKy"]):
        response = asked.response(200)
        response.headers = [("Via", value) for value in via] + [h for h in response.headers if h[0] != "Via"]
        client.layer.receive(response.encode(), wire.peer(THEIRS), 0.0)
    assert client.told == []
    assert client.layer.counts.dropped == 2


@pytest.mark.parametrize("table", [INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER])
def test_nothing_happens_after_the_end_and_every_state_can_end(table: dict[tuple[State, Event], State]) -> None:
    states = {state for state, _ in table} | set(table.values())
    assert all(state is not State.TERMINATED for state, _ in table)
    reach = {State.TERMINATED}
    for _ in states:
        reach |= {state for (state, _), after in table.items() if after in reach}
    assert reach == states


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0, 0.45),
    st.floats(0, 0.5),
    st.sampled_from(["INVITE", "OPTIONS"]),
    st.sampled_from([200, 302, 404, 486, 503, 603]),
    st.floats(0, 3),
)
def test_whatever_the_network_does_each_is_told_once_and_nothing_stays(
    seed: int, loss: float, doubled: float, method: str, status: int, after: float
) -> None:
    wire = Wire(loss=loss, doubled=doubled, delay=(0.001, 1.2), seed=seed)
    client, server = Client(wire), Server(wire, {method: [(after, status)]})
    client.ask(method)
    wire.run(300)
    final = [told for _, told in client.told if told is None or told >= 200]
    assert final in ([status], [None]) or ((method, status) == ("INVITE", 200) and set(final) == {200})
    assert len(server.asked) <= 1
    assert len(client.layer) == len(server.layer) == 0
    assert wire.timers.next() is None
