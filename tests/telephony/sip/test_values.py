"""URIs, addresses, lists and parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.telephony.sip.grammar import quote, read_parameters, split_list, unquote, write_parameters
from server.telephony.sip.headers import Address, read_address, read_cseq, read_number, read_via
from server.telephony.sip.uri import read_uri, sip_uri


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("sip:0233.3873-258@trunk.vnpt.vn;user=phone", "0233.3873-258", "trunk.vnpt.vn", None),
        ("sip:+84901234567@[2001:db8::1]:5080", "+84901234567", "[2001:db8::1]", 5080),
        ("SIPS:%61b:secret@Example.COM", "ab", "example.com", None),
        ("sip:*97#@10.0.0.1", "*97#", "10.0.0.1", None),
        ("sip:10.0.0.1:5060;lr", "", "10.0.0.1", 5060),
        ("tel:+84-233-3873258;phone-context=vn", "+84-233-3873258", "", None),
    ],
)
def test_uris_that_telephones_have(text: str, user: str, host: str, port: int | None) -> None:
    uri = read_uri(text)
    assert (uri.user, uri.host, uri.port, str(uri)) == (user, host, port, text)
    assert uri.known


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:a@",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b;",
        "sip:a@b;;c",
        "sip:a%4@b",
        "sip:a@b c",
        "0901",
        "sip:a@b;x=1;X=2",
        "sip:a@b\r\n",
        "sip:ạ@b",
        "tel:",
        "sip:<a>@b",
        "sip:" + "a" * 5_000,
    ],
)
def test_uris_that_are_none(text: str) -> None:
    with pytest.raises(ProtocolError):
        read_uri(text)


@pytest.mark.parametrize(
    ("text", "transport"),
    [
        ("sip:a", "udp"),
        ("sip:a;transport=TCP", "tcp"),
        ("sips:a", "tls"),
        ("sip:a;transport=sctp", "udp"),
        ("sip:a;transport=tls;transport=tls", "tls"),
    ],
)
def test_a_uri_says_how_to_get_there(text: str, transport: str) -> None:
    assert read_uri(text).transport == transport


def test_our_own_uri() -> None:
    assert str(sip_uri("02333", "192.0.2.9", 5070, transport="tcp")) == "sip:02333@192.0.2.9:5070;transport=tcp"
    with pytest.raises(ProtocolError):
        sip_uri("a b", "192.0.2.9")


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        ("<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", "1"),
        ("sip:a@b;tag=1", "", "sip:a@b", "1"),
        ('"Lê Văn \\"Tư\\", thôn 1" <sip:a@b>;TAG=x', 'Lê Văn "Tư", thôn 1', "sip:a@b", "x"),
        ("Thon Mot<sip:a@b>", "Thon Mot", "sip:a@b", ""),
        ("<tel:0901>", "", "tel:0901", ""),
    ],
)
def test_addresses(text: str, name: str, uri: str, tag: str) -> None:
    address = read_address(text)
    assert (address.name, str(address.uri), address.tag) == (name, uri, tag)
    assert read_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "<sip:a@b", "sip:a@b>", "a, b <sip:a@b>", '"x <sip:a@b>', "<sip:a@b>;", "<sip:a@b> x"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ProtocolError):
        read_address(text)


@given(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"])))
def test_any_name_can_be_quoted(name: str) -> None:
    assert unquote(quote(name)) == name
    assert read_address(str(Address(read_uri("sip:a@b"), name))).name == name


def test_commas_in_quotes_and_brackets_cut_nothing() -> None:
    assert split_list('"a, b" <sip:a,b@c> , <sip:d>;x="1,2"') == ['"a, b" <sip:a,b@c>', '<sip:d>;x="1,2"']
    for wrong in ("a,,b", ",a", "a,", "", '"a', "<a", "a>"):
        with pytest.raises(ProtocolError):
            split_list(wrong)


def test_parameters_go_and_come_back() -> None:
    text = ';lr;branch=z9hG4bK1;received=2001:db8::1;x="a;b"'
    assert write_parameters(read_parameters(text)) == text
    assert read_parameters(" ; A = b ") == {"a": "b"}
    for wrong in (";", ";;a", "a", ";a=", ";a;A=1", ";a b", ';a="b'):
        with pytest.raises(ProtocolError):
            read_parameters(wrong)


def test_a_via() -> None:
    via = read_via("sip / 2.0 / udp  Trunk.vn : 5070 ;rport;branch=z9hG4bK7")
    assert (via.transport, via.host, via.port, via.branch, via.by_3261) == ("UDP", "trunk.vn", 5070, "z9hG4bK7", True)
    assert via.sent_by == "trunk.vn:5070"
    assert not read_via("SIP/2.0/UDP a;branch=z9hG4bK").by_3261
    for wrong in ("SIP/3.0/UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:99999", "SIP/2.0/UDP a;;", "SIP/2.0/UDP a b"):
        with pytest.raises(ProtocolError):
            read_via(wrong)


def test_numbers() -> None:
    assert read_cseq("0009  INVITE").number == 9
    assert str(read_cseq("2147483647 ACK")) == "2147483647 ACK"
    assert read_number("0068", 255) == 68
    for wrong in ("", "-1", "256", "1 2", "٣", "1" * 30):
        with pytest.raises(ProtocolError):
            read_number(wrong, 255)
    for wrong in ("1", "INVITE 1", "2147483648 INVITE", "1 IN VITE"):
        with pytest.raises(ProtocolError):
            read_cseq(wrong)
