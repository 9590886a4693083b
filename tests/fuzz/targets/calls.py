"""A trunk that says anything at all to an agent, in made-up time: nothing escapes, and at last nothing stays."""

from __future__ import annotations

from server.telephony.sip.digest import Credentials
from server.telephony.sip.incoming import IncomingCall
from server.telephony.sip.message import Request, Response
from server.telephony.sip.parsing import parse
from tests.fuzz.stage import joined, pieces
from tests.telephony.sip.making import SDP, request
from tests.telephony.sip.phones import ANSWER, OURS, THEIRS, Telephone
from tests.telephony.sip.wire import Wire

_CREDENTIALS = Credentials("giaoban", "mật khẩu")


def one(data: bytes) -> None:
    """Each piece is a message; its kind says what else is done: time, our side's doing, a transport that keeps."""
    first = data[0] if data else 0
    wire = Wire(delay=(0.001, 0.001), transport="tcp" if first & 0x80 else "udp")
    desk = Telephone(wire, OURS, on_call=_take)
    if first & 0x40:
        desk.call(THEIRS, credentials=_CREDENTIALS)
    for kind, piece in pieces(data[1:]):
        desk.layer.receive(_aimed(piece, wire), wire.peer(THEIRS), wire.now)
        wire.run((kind >> 4) ** 3 / 50)
        _do(kind & 3, desk, wire)
    for call in list(desk.calls):
        call.hang_up(wire.now)
    wire.run(500)
    assert desk.idle
    assert wire.timers.next() is None
    assert set(desk.ended) == {call.id for call in desk.calls}
    for _, sent, _ in wire.sent:
        if b"SIP/2.0 4" not in sent[:10] and b"SIP/2.0 5" not in sent[:10]:  # these copy what is malformed
            parse(sent)


def _take(call: IncomingCall, now: float) -> None:
    call.ring(now)
    if not call.dialled.startswith("1"):
        call.answer(ANSWER, now)


def _do(what: int, desk: Telephone, wire: Wire) -> None:
    for call in desk.calls[-1:]:
        if what == 1:
            call.hang_up(wire.now)
        elif what == 2 and call.state.name == "UP":
            call.reinvite(SDP, wire.now)


def _aimed(piece: bytes, wire: Wire) -> bytes:
    """The tags and branches that we chose are not to be guessed: @T, @B and @I stand for our last ones."""
    tag = branch = call_id = b""
    for _, sent, _ in wire.sent:
        message = parse(sent) if sent.startswith((b"INVITE", b"SIP/2.0 1", b"SIP/2.0 2")) else None
        if isinstance(message, Request):
            branch, tag, call_id = (
                text.encode("utf-8", "surrogateescape")
                for text in (message.via.branch, message.sender.tag, message.call_id)
            )
        elif isinstance(message, Response) and message.to.tag:
            tag = message.to.tag.encode("utf-8", "surrogateescape")
    return piece.replace(b"@T", tag).replace(b"@B", branch).replace(b"@I", call_id)


def _within(method: str, number: int, body: bytes = b"", **headers: str) -> bytes:
    to = "<sip:02333@192.0.2.9>;tag=@T"
    return request(method, body=body, branch=f"z9hG4bK{number}", To=to, CSeq=f"{number} {method}", **headers)


def _answer(status: int, **headers: str) -> bytes:
    ours = "<sip:0901@192.0.2.9>;tag=@T"
    via = "SIP/2.0/UDP 192.0.2.9:5060;branch=@B;rport"
    made = request("INVITE", body=SDP, Via=via, From=ours, To="<sip:0@192.0.2.1>;tag=their", Call_ID="@I", **headers)
    return b"SIP/2.0 %d X\r\n" % status + made.partition(b"\r\n")[2]


def seeds() -> list[bytes]:
    """Whole calls, both ways."""
    timer = {"Session_Expires": "90;refresher=uac", "Supported": "timer"}
    ack = (0, _within("ACK", 1))
    incoming = [
        [(0, request(body=SDP)), ack, (0, _within("BYE", 2))],
        [(0, request(body=SDP, **timer)), ack, (0x60, _within("INVITE", 2, SDP)), (0xF0, _within("ACK", 2))],
        [(0, request()), (2, _within("ACK", 1, SDP)), (0x11, _within("UPDATE", 2, SDP))],
        [(0, request(body=SDP).replace(b"sip:02333", b"sip:12333", 1)), (0, request("CANCEL")), (1, request("ACK"))],
        [(0, request("OPTIONS")), (0, request("REGISTER")), (0, request("BYE")), (0, b"\r\n\r\n")],
    ]
    outgoing = [[(0, _answer(100)), (0, _answer(180)), (0x20, _answer(status)), (1, _answer(status))] for status in
                (200, 401, 422, 486)]  # fmt: skip
    challenge = 'Digest realm="r\N{LATIN SMALL LETTER E WITH ACUTE}", nonce="n", qop="auth", opaque="o"'
    outgoing += [
        [(0, _answer(407, Proxy_Authenticate=challenge)), (0, _answer(200, Record_Route="<sip:a@192.0.2.1:5060;lr>"))],
        [(0, _answer(401, WWW_Authenticate=challenge)), (0, _answer(200, Allow="INVITE, ACK", Supported="timer"))],
    ]
    made = [b"\0" + joined(call) for call in incoming] + [b"\x40" + joined(call) for call in outgoing]
    return [*made, b"\x80" + joined(incoming[0]), b"\xc0" + joined(outgoing[0])]
