import logging
import socket
from collections.abc import Iterator

import pytest

from server.media.transport import intake
from server.media.transport.intake import MOST_BYTES, MOST_DATAGRAMS, Intake

HERE = "127.0.0.1"


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((HERE, 0))
        bound.setblocking(False)
        yield bound


@pytest.fixture
def peers() -> Iterator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for peer in made:
        peer.bind((HERE, 0))
    yield made
    for peer in made:
        peer.close()


def test_all_that_waits_comes_in_order_with_its_source(ours: socket.socket, peers: list[socket.socket]) -> None:
    taking = Intake()
    for round_ in range(3):  # the memory is used again
        sent = [(bytes([round_, number]) * (number + 1), peers[number % 3].getsockname()) for number in range(30)]
        for number, (data, _) in enumerate(sent):
            peers[number % 3].sendto(data, ours.getsockname())
        assert taking.take(ours.fileno()) == sent
        assert taking.take(ours.fileno()) == []


def test_what_is_more_than_fits_waits_for_the_next_time(ours: socket.socket, peers: list[socket.socket]) -> None:
    taking = Intake()
    for number in range(MOST_DATAGRAMS + 2):
        peers[0].sendto(bytes([number]), ours.getsockname())
    assert [data[0] for data, _ in taking.take(ours.fileno())] == list(range(MOST_DATAGRAMS))
    assert [data[0] for data, _ in taking.take(ours.fileno())] == [MOST_DATAGRAMS, MOST_DATAGRAMS + 1]


def test_an_empty_datagram_and_one_that_is_too_long(ours: socket.socket, peers: list[socket.socket]) -> None:
    for data in (b"", bytes(9_000), b"x"):
        peers[0].sendto(data, ours.getsockname())
    assert [len(data) for data, _ in Intake().take(ours.fileno())] == [0, MOST_BYTES, 1]


def test_a_refused_send_is_no_end(
    ours: socket.socket, peers: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel tells of an ICMP answer at the next receive."""
    caplog.set_level(logging.DEBUG, "server.media.transport.intake")
    gone = peers.pop()
    nobody = gone.getsockname()
    gone.close()
    taking = Intake()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.bind((HERE, 0))
        connected.connect(nobody)
        connected.setblocking(False)
        connected.send(b"anybody there?")
        assert taking.take(connected.fileno()) == []
    assert "Connection refused" in caplog.text
    peers[0].sendto(b"yes", ours.getsockname())
    assert taking.take(ours.fileno()) == [(b"yes", peers[0].getsockname())]


def test_strangers_do_not_fill_the_memory(
    ours: socket.socket, peers: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_KNOWN", 2)
    taking = Intake()
    for _ in range(3):
        for peer in peers:
            peer.sendto(b"x", ours.getsockname())
        assert [source for _, source in taking.take(ours.fileno())] == [peer.getsockname() for peer in peers]
        assert len(taking._addresses) <= 2
