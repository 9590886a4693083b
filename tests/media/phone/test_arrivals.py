"""Datagrams of a port with the moments at which they came, on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from server.media.phone import arrivals
from server.media.phone.arrivals import MOST, Arrivals, note_times

HOST = "127.0.0.1"


def opened() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((HOST, 0))
    made.setblocking(False)
    return made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """One that sends, and one whose times are noted: a kernel that noted none before begins a little later."""
    there, here = opened(), opened()
    note_times(here)
    taking, age, end = Arrivals(), 0.0, time.monotonic() + 10
    while age < 0.005:
        assert time.monotonic() < end, "the kernel notes no times"
        there.sendto(b"x", here.getsockname())
        time.sleep(0.01)
        age = taking.take_timed(here.fileno())[0][2]
    yield there, here
    there.close()
    here.close()


def test_all_that_waits_comes_in_order_with_its_age(pair: tuple[socket.socket, socket.socket]) -> None:
    there, here = pair
    taking, sent = Arrivals(), []
    for number in range(3):
        sent.append(time.time())
        there.sendto(bytes([number]) * (number + 1), here.getsockname())
        time.sleep(0.02)
    taken, now = taking.take_timed(here.fileno()), time.time()
    assert [data for data, _source, _age in taken] == [b"\0", b"\1\1", b"\2\2\2"]
    assert {source for _data, source, _age in taken} == {there.getsockname()}
    for moment, (_data, _source, age) in zip(sent, taken, strict=True):
        assert 0 <= now - age - moment < 0.015, "when it came, not when it was taken"
    assert taking.take_timed(here.fileno()) == []


def test_who_sends_too_much_is_taken_in_parts_and_empty_ones_are_no_end(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    there, here = pair
    taking = Arrivals()
    for number in range(MOST + 10):
        there.sendto(b"x" * (number % 3), here.getsockname())
    assert [len(taking.take_timed(here.fileno())) for _ in range(3)] == [MOST, 10, 0]


def test_a_port_whose_times_are_not_noted_and_a_clock_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    there, here = opened(), opened()
    taking = Arrivals()
    there.sendto(b"x", here.getsockname())
    assert taking.take_timed(here.fileno()) == [(b"x", there.getsockname(), 0.0)]
    note_times(here)
    for off in (3_600.0, -3_600.0):
        there.sendto(b"x", here.getsockname())
        clock = time.time
        monkeypatch.setattr(arrivals.time, "time", lambda clock=clock, off=off: clock() + off)
        assert taking.take_timed(here.fileno()) == [(b"x", there.getsockname(), 0.0)]
        monkeypatch.undo()
    there.close()
    here.close()


def test_an_address_is_read_once(pair: tuple[socket.socket, socket.socket]) -> None:
    there, here = pair
    taking, sources = Arrivals(), []
    for _ in range(2):
        there.sendto(b"x", here.getsockname())
        sources += [source for _data, source, _age in taking.take_timed(here.fileno())]
    assert sources[0] is sources[1]


def test_a_port_that_is_gone_gives_nothing() -> None:
    gone = opened()
    number = gone.fileno()
    gone.close()
    assert Arrivals().take_timed(number) == []
