"""Descriptions of telephones' sound: read and answered or refused; the answer is read again and adds no line."""

from __future__ import annotations

from server.telephony import sdp
from server.telephony.agreement import CannotAgreeError, Ours, accept, answer
from tests.telephony.offers import OFFERS, keys_of_all_suites

OURS = Ours("198.51.100.9", 30_000)
KEYS = keys_of_all_suites()
KNOWN = ("v=0", "o=- ", "s=Giao Ban", "c=IN IP4 198.51.100.9", "t=0 0", "m=", "a=")


def one(data: bytes) -> None:
    """As an offer, and as an answer to one of ours."""
    description = sdp.read(data)
    for keys in ((), KEYS):
        try:
            accept(description, OURS, keys)
        except CannotAgreeError:
            continue
    sound, body = answer(description, OURS)
    lines = body.decode("ascii").split("\r\n")
    assert lines[-1] == "" and all(line.startswith(KNOWN) for line in lines[:-1]), lines
    again = sdp.read(body)
    assert len(again.media) == len(description.media)
    assert sum(media.port > 0 for media in again.media) == 1
    (taken,) = (media for media in again.media if media.port)
    assert taken.secure is (sound.our_key is not None)
    assert 0 < sound.port < 65_536 and 0 <= sound.sending < 128 and 10 <= sound.ptime <= 120


def seeds() -> list[bytes]:
    """What telephones offer."""
    return list(OFFERS.values())
