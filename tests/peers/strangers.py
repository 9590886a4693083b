"""A stranger who floods: INVITEs from an address that is no trunk's, in a thread, at a rate."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.telephony.sip.making import SDP, request

_VOLLEY, _PAUSE = 50, 0.01  # INVITEs, and seconds between two volleys


@dataclass
class Flood:
    """`sent` counts; `answered` says whether anything at all came back."""

    sent: int = 0
    answered: bool = False


@contextmanager
def flood(address: str, port: int) -> Iterator[Flood]:
    """From the server's own address, which its list of trunks does not have; as long as the block lasts."""
    found, over = Flood(), threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((address, 0))
            stranger.setblocking(False)
            invite = request(body=SDP)
            while not over.is_set():
                for _ in range(_VOLLEY):
                    stranger.sendto(invite, (address, port))
                found.sent += _VOLLEY
                time.sleep(_PAUSE)
            try:
                found.answered = bool(stranger.recv(1))
            except BlockingIOError:
                found.answered = False

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
