"""SIP: a message is read, refused or dropped; what was read is written and read as the same; an answer can be read."""

from __future__ import annotations

from server.telephony.sip import content
from server.telephony.sip.framing import Framing
from server.telephony.sip.message import BadRequestError, Request
from server.telephony.sip.parsing import MOST_VIAS, parse
from tests.telephony.sip import torture
from tests.telephony.sip.making import SDP, request


def one(data: bytes) -> None:
    """The first octet says whether it comes as a stream in two pieces, or as a datagram."""
    if not data:
        return
    if data[0] & 1:
        _stream(data[1:], data[0])
    else:
        _message(data[1:])


def _stream(data: bytes, cut: int) -> None:
    framing = Framing()
    found = framing.feed(data[:cut])[0] + framing.feed(data[cut:])[0]
    assert Framing().feed(data)[0] == found, "where it was cut changes nothing"
    for message in found:
        _message(message)


def _message(data: bytes) -> None:
    try:
        message = parse(data)
    except BadRequestError as refusal:
        response = refusal.response("mine")
        if response is not None:
            assert len(response.all("Via")) <= MOST_VIAS
            assert b"\r\n\r\n" in response.encode()
        raise
    description = content.description_of(message)
    assert description in message.body
    again = parse(message.encode())
    assert again.encode() == message.encode()
    if isinstance(message, Request):
        message.received_from("198.51.100.7", 50_000)
        answer = parse(message.response(180, tag="mine").encode())
        assert (answer.call_id, answer.cseq, answer.sender) == (message.call_id, message.cseq, message.sender)
        assert answer.to.tag == (message.to.tag or "mine")
        assert answer.via.branch == message.via.branch


def seeds() -> list[bytes]:
    """RFC 4475's messages and usual ones."""
    parts = [
        b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP,
        b"--b\r\nContent-Type: application/isup\r\n\r\n\x01",
    ]
    mixed = request(body=b"\r\n".join([*parts, b"--b--"]), Content_Type="multipart/mixed;boundary=b")
    usual = [request(), request("OPTIONS"), request(body=SDP), request("ACK"), request("BYE"), mixed]
    datagrams = [b"\0" + message for message in [*torture.messages().values(), *usual]]
    return [*datagrams, b"\x51" + request(body=SDP) + b"\r\n\r\n" + request("BYE")]
