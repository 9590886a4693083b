import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.telephony.sip.framing import Framing
from server.telephony.sip.parsing import LARGEST_HEAD, parse
from tests.telephony.sip.making import SDP, request

STREAM = [request(), request(body=SDP), request("OPTIONS", Content_Length=None), request("BYE", body=b"x\r\n\r\ny")]


@given(st.lists(st.integers(1, 400), max_size=12))
def test_messages_come_out_whole_however_the_stream_is_cut(cuts: list[int]) -> None:
    data = b"".join(STREAM)
    framing, found = Framing(), []
    for size in [*cuts, len(data)]:
        found += framing.feed(data[:size])[0]
        data = data[size:]
    assert found == STREAM
    assert framing.waiting == 0


def test_octet_by_octet() -> None:
    framing = Framing()
    found = [message for octet in STREAM[1] for message in framing.feed(bytes((octet,)))[0]]
    assert found == [STREAM[1]]
    assert parse(found[0]).body == SDP


def test_keep_alives_are_counted_and_single_line_ends_passed_over() -> None:
    framing = Framing()
    assert framing.feed(b"\r\n\r\n\r\n\r\n") == ([], 2)
    assert framing.feed(b"\r\n" + STREAM[0]) == ([STREAM[0]], 0)
    assert framing.feed(STREAM[0] + b"\r\n\r\n" + STREAM[1]) == ([STREAM[0], STREAM[1]], 1)


def test_one_line_end_is_half_a_keep_alive_and_no_message_that_waits() -> None:
    framing = Framing()
    for piece in (b"\r\n", b"\r"):
        framing.feed(piece)
        assert framing.waiting == 0
    assert framing.feed(b"\n") == ([], 1)
    assert framing.feed(b"\r\n") == ([], 0)
    assert framing.feed(STREAM[0][:20]) == ([], 0)
    assert framing.waiting == 20
    assert framing.feed(STREAM[0][20:] + b"\r\n") == ([STREAM[0]], 0)
    assert framing.waiting == 0


@pytest.mark.parametrize(
    "data",
    [
        b"a" * (LARGEST_HEAD + 10),
        request(X_Long="a" * LARGEST_HEAD),
        request(Content_Length="70000"),
        request().replace(b"Content-Length: 0", b"Content-Length: 5\r\nl: 9"),
    ],
)
def test_a_stream_that_cannot_be_read_ends(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Framing().feed(data)
