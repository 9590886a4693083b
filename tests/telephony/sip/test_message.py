import contextlib
import time

import pytest

from server.errors import ProtocolError
from server.telephony.sip.message import BadRequestError, Request, Response
from server.telephony.sip.parsing import LARGEST_HEAD, MOST_VIAS, parse
from tests.telephony.sip import torture
from tests.telephony.sip.making import SDP, request

MESSAGES = torture.messages()
AT_ONCE = (400, 505)  # what is wrong with the text itself; the rest is answered by whom it is for


def refusal(data: bytes) -> Response:
    with pytest.raises(BadRequestError) as caught:
        parse(data)
    response = caught.value.response("mine")
    assert response is not None
    return response


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_of_rfc_4475_is_read_refused_or_dropped(name: str) -> None:
    status, _why = torture.ANSWERS[name]
    data = MESSAGES[name]
    if status in AT_ONCE:
        with pytest.raises(BadRequestError) as caught:
            parse(data)
        assert caught.value.status == status
        response = caught.value.response("mine")
        assert response is not None and response.all("Via")
    elif name in ("scalarlg", "bigcode"):
        with pytest.raises(ProtocolError) as dropped:
            parse(data)
        assert not isinstance(dropped.value, BadRequestError)
    else:
        message = parse(data)
        assert isinstance(message, Response) is (status is None)
        assert parse(message.encode()).encode() == message.encode()


def test_the_table_has_every_message() -> None:
    assert len(MESSAGES) == 49
    assert set(MESSAGES) == set(torture.ANSWERS)


def test_a_tortuous_invite_means_what_it_says() -> None:
    message = parse(MESSAGES["wsinv"])
    assert isinstance(message, Request)
    assert (message.to.tag, message.sender.tag, message.sender.name) == ("1918181833n", "98asjd8", 'J Rosenberg \\"')
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert [message.via.transport, message.via.host, message.via.branch] == ["UDP", "192.0.2.2", "390skdjuw"]
    assert len(message.items("Via")) == 3
    assert message.contacts[0].parameters["q"] == "0.33"
    assert len(message.body) == 150
    assert message.get("Subject") == ""


def test_odd_characters_stay_what_they_are() -> None:
    message = parse(MESSAGES["intmeth"])
    assert isinstance(message, Request)
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.to.name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.sender.parameters["fromparam''~+*_!.-%"] == '"работающий"'
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def test_what_follows_a_datagrams_message_is_no_part_of_it() -> None:
    assert parse(MESSAGES["dblreq"]).body == b""
    assert parse(request(body=SDP) + b"more").body == SDP


@pytest.mark.parametrize("length", ["-1", "+5", "5.0", "five", "99999999999999999999", "0x10", "٣", "200", ""])
def test_a_content_length_that_lies_is_refused(length: str) -> None:
    assert refusal(request(body=SDP, Content_Length=length)).status == 400


def test_a_body_without_content_length_is_the_rest_of_the_datagram() -> None:
    assert parse(request(body=SDP, Content_Length=None)).body == SDP


def test_headers_of_60_kilobytes_are_too_large() -> None:
    response = refusal(request(X_Long="a" * 60_000))
    assert response.status == 513
    assert len(response.encode()) < 1_000
    assert [name for name, _ in response.headers] == ["Via", "From", "To", "Call-ID", "CSeq"]


def test_long_headers_that_never_end_are_too_large_too() -> None:
    assert refusal(request(X_Long="a" * 60_000).rstrip(b"\r\n")).status == 513


def test_a_thousand_vias_are_too_many() -> None:
    data = request().replace(b"Max-", b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n" * 1_000 + b"Max-", 1)
    with pytest.raises(BadRequestError) as caught:
        parse(data)
    assert caught.value.status == 513
    response = caught.value.response("mine")
    assert response is None or len(response.all("Via")) <= MOST_VIAS
    short = request().replace(b"Max-", b"v:SIP/2.0/UDP a\r\n" * 100 + b"Max-", 1)
    assert len(short) < LARGEST_HEAD
    response = refusal(short)
    assert (response.status, len(response.all("Via"))) == (513, MOST_VIAS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        bytes(200),
        b"GET / HTTP/1.0\r\n\r\n",
        b"INVITE sip:a SIP/2.0",
        b"SIP/2.0 99 No\r\n\r\n",
        b"\xff",
    ],
)
def test_what_is_no_sip_is_dropped(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse(data)
    assert not isinstance(caught.value, BadRequestError)


def test_an_ack_is_never_answered() -> None:
    with pytest.raises(BadRequestError) as caught:
        parse(request("ACK", CSeq="x ACK"))
    assert caught.value.response("mine") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"From": None},
        {"From": "<sip:a@b>"},
        {"To": "<sip:a@b>;tag"},
        {"To": '<sip:a@b>;tag="x"'},
        {"Call-ID": ""},
        {"CSeq": "2147483648 INVITE"},
        {"Max-Forwards": "256"},
        {"Contact": "<sip:a@b"},
        {"Record-Route": "<sip:a@b>,,<sip:c@d>"},
        {"Via": "SIP/2.0/UDP 192.0.2.1:0;branch=z9hG4bK1"},
        {"X Y": "z"},
        {"From": "<sip:a@b?Subject=x>;tag=1"},
    ],
)
def test_malformed_headers_are_named(headers: dict[str, str | None]) -> None:
    response = refusal(request(**headers))
    assert response.status == 400
    assert response.reason.startswith("Bad Request: ")


def test_an_answer_copies_what_it_must() -> None:
    message = parse(request())
    assert isinstance(message, Request)
    message.received_from("198.51.100.7", 40_000)
    response = parse(message.response(180, tag="mine").encode())
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (180, "Ringing")
    assert response.via.parameters == {"branch": "z9hG4bK1", "rport": "40000", "received": "198.51.100.7"}
    assert (response.to.tag, response.sender.tag) == ("mine", "theirs")
    assert (response.call_id, str(response.cseq)) == ("call@192.0.2.1", "1 INVITE")


def test_a_header_cannot_break_its_line() -> None:
    message = Request("INVITE", "sip:a@b")
    with pytest.raises(ProtocolError):
        message.add("Subject", "x\r\nVia: y")


@pytest.mark.parametrize(
    "filling",
    [
        " " * 15_000,
        "\t" * 15_000,
        '"' * 15_000,
        '"a\\"' * 3_700,
        "<" * 15_000,
        "a " * 7_500,
        ";a" * 7_500,
        ";a=" * 5_000,
        ",," * 7_500,
        "a" * 15_000,
        "SIP/2.0 " * 1_800,
        "%41" * 5_000,
        "sip:" * 3_700,
        "@" * 15_000,
    ],
)
@pytest.mark.parametrize("name", ["Via", "From", "To", "CSeq", "Contact", "Record-Route", "Max-Forwards", "first"])
def test_no_text_takes_long(name: str, filling: str) -> None:
    data = request(**{name: filling}) if name != "first" else f"INVITE {filling} SIP/2.0\r\n".encode() + request()
    began = time.thread_time()
    with contextlib.suppress(ProtocolError):
        parse(data)
    for around in (f"SIP/2.0/UDP a{filling}", f"<sip:a@b>{filling}", f"a {filling}<sip:a@b", f"<sip:{filling}>"):
        with contextlib.suppress(ProtocolError):
            parse(request(**{name: around}))
    assert time.thread_time() - began < 0.15


def test_folding_takes_no_long_either() -> None:
    began = time.thread_time()
    parse(request(X_Folded=" \r\n" * 20 + " " * 15_000 + "x"))
    assert time.thread_time() - began < 0.05
