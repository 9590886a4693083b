"""A telephone on the wire of `wire.py`: an agent and somebody who does what the test says and notes what happens."""

from __future__ import annotations

from collections.abc import Callable

from server.telephony.sip.agent import Agent
from server.telephony.sip.call import Call, Ending
from server.telephony.sip.digest import Credentials
from server.telephony.sip.headers import Address
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.layer import TransactionLayer
from server.telephony.sip.message import Request, Response
from server.telephony.sip.outgoing import OutgoingCall
from server.telephony.sip.parsing import parse
from server.telephony.sip.uri import read_uri
from tests.telephony.sip.making import SDP
from tests.telephony.sip.wire import Wire

OURS, THEIRS = "192.0.2.9", "192.0.2.1"
ANSWER = SDP.replace(b"192.0.2.1", b"192.0.2.9")


def answer(call: IncomingCall, now: float) -> None:
    call.ring(now)
    call.answer(ANSWER, now)


class Telephone:
    """`log` has what happened: (time, what, call's id); `ended` how each call ended."""

    def __init__(self, wire: Wire, host: str, on_call: Callable[[IncomingCall, float], None] = answer) -> None:
        self.wire, self.host, self._on_call = wire, host, on_call
        self.log: list[tuple[str, str]] = []
        self.answers: list[bytes] = []
        self.calls: list[Call] = []
        self.ended: dict[str, Ending] = {}
        self.keys: list[str] = []
        self.offer_answer: bytes | None = ANSWER
        send = wire.attach(host, lambda data, peer, now: self.layer.receive(data, peer, now))
        self.layer = TransactionLayer(send, lambda peer: f"{host}:5060", wire.timers)
        self.agent = Agent(self.layer, self, lambda peer: read_uri(f"sip:tel@{host}:5060"))

    def call(
        self, to: str, description: bytes = SDP, credentials: Credentials | None = None, ring_for: float = 45.0
    ) -> OutgoingCall:
        uri, local = read_uri(f"sip:02333@{to}"), Address(read_uri(f"sip:0901@{self.host}"), "Thôn 1")
        peer, now = self.wire.peer(to), self.wire.now
        call = self.agent.call(uri, local, peer, description, now, credentials=credentials, ring_for=ring_for)
        self.calls.append(call)
        return call

    def on_call(self, call: IncomingCall, now: float) -> None:
        self.calls.append(call)
        self.log.append(("call", call.id))
        self._on_call(call, now)

    def on_ringing(self, call: OutgoingCall, description: bytes, now: float) -> None:
        self.log.append(("ringing", call.id))

    def on_up(self, call: Call, description: bytes, now: float) -> None:
        self.log.append(("up", call.id))
        self.answers.append(description)

    def on_offer(self, call: Call, description: bytes, now: float) -> bytes | None:
        self.log.append(("offer", call.id))
        self.answers.append(description)
        return self.offer_answer

    def on_key(self, call: Call, key: str, now: float) -> None:
        self.keys.append(key)

    def on_ended(self, call: Call, ending: Ending, now: float) -> None:
        assert call.id not in self.ended, "told twice"
        self.log.append(("ended", call.id))
        self.ended[call.id] = ending

    def happened(self, call: Call | None = None) -> list[str]:
        """What was told, of one call or of all."""
        return [what for what, of in self.log if call is None or of == call.id]

    @property
    def idle(self) -> bool:
        """Whether it remembers nothing."""
        agent = self.agent
        kept = (agent.calls, agent._dialogs, agent._invited_by, agent._merging)
        return len(self.layer) == 0 and not any(kept)


class Raw:
    """The other end as a script of messages."""

    def __init__(self, wire: Wire, host: str = THEIRS) -> None:
        self.wire, self.host = wire, host
        self.got: list[Request | Response] = []
        self.send = wire.attach(host, lambda data, peer, now: self.got.append(parse(data)))

    def say(self, data: bytes, to: str = OURS) -> list[Request | Response]:
        """Send, and give what came back within a tenth of a second."""
        before = len(self.got)
        self.send(data, self.wire.peer(to))
        self.wire.run(0.1)
        return self.got[before:]

    def requests(self, method: str) -> list[Request]:
        return [one for one in self.got if isinstance(one, Request) and one.method == method]

    def statuses(self) -> list[int]:
        return [one.status for one in self.got if isinstance(one, Response)]
