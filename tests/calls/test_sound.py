"""What we say of a call's sound, against descriptions as telephones write them."""

from __future__ import annotations

import pytest

from server.calls.sound import Side
from server.errors import ProtocolError
from server.telephony import agreement, sdp
from server.telephony.agreement import Ours
from tests.telephony.offers import keys_of_all_suites
from tests.telephony.sip.making import SDP


def test_an_offer_becomes_terms() -> None:
    terms, body = Side("192.0.2.9", 41_000).answer(SDP)
    assert (terms.codec, terms.sending, terms.receiving, terms.events) == ("PCMA", 8, 8, 101)
    assert (terms.host, terms.port, terms.sends, terms.suite) == ("192.0.2.1", 40_002, True, "")
    assert terms.receives and not terms.reports
    assert b"m=audio 41000 RTP/AVP 8 101" in body and b"c=IN IP4 192.0.2.9" in body


def test_the_version_grows_with_what_is_said_anew_only() -> None:
    side = Side("192.0.2.9", 41_000)
    first, second = side.answer(SDP)[1], side.answer(SDP)[1]
    assert first == second
    held = side.answer(SDP + b"a=sendonly\r\n")[1]
    assert b"a=inactive" in held
    version = lambda body: int(body.split(b"o=- ")[1].split(b" ")[1])  # noqa: E731
    assert version(held) == version(first) + 1


def test_who_only_listens_or_takes_reports_at_the_same_port_is_told_from_others() -> None:
    listening = Side("192.0.2.9", 41_000).answer(SDP + b"a=recvonly\r\n")[0]
    assert (listening.sends, listening.receives) == (True, False)
    holding = Side("192.0.2.9", 41_000).answer(SDP + b"a=sendonly\r\n")[0]
    assert (holding.sends, holding.receives) == (False, False)
    assert Side("192.0.2.9", 41_000).answer(SDP + b"a=rtcp-mux\r\n")[0].reports
    for line, agreed in ((b"", False), (b"a=rtcp-mux\r\n", True)):
        side = Side("192.0.2.9", 41_000)
        assert b"a=rtcp-mux" in side.offer()
        assert side.accept(SDP + line).reports is agreed


def test_names_of_hosts_are_not_looked_up() -> None:
    terms, _body = Side("192.0.2.9", 41_000).answer(SDP.replace(b"192.0.2.1", b"phone.example"))
    assert (terms.host, terms.port) == ("", 0)


def test_keys_go_both_ways() -> None:
    ours = Ours.new("192.0.2.1", 40_002, [agreement.PCMA])
    keys = keys_of_all_suites()
    terms, body = Side("192.0.2.9", 41_000).answer(agreement.offer(ours, keys=keys))
    theirs = agreement.accept(sdp.read(body), ours, keys)
    assert terms.suite and theirs.their_key is not None and theirs.our_key is not None
    assert terms.suite == theirs.their_key.suite
    assert terms.our_key != terms.their_key


def test_what_their_packets_have_of_their_own_is_told() -> None:
    """An identifier of the key in each, and keys pressed under their own number."""
    ours = Ours.new("192.0.2.1", 40_002, [agreement.PCMA])
    offer = agreement.offer(ours, keys=keys_of_all_suites()[:1])
    terms, _body = Side("192.0.2.9", 41_000).answer(offer.replace(b"\r\na=ptime", b"|2^20|1:4\r\na=ptime"))
    assert (terms.suite, terms.their_mki) == ("AEAD_AES_256_GCM", 4)

    side = Side("192.0.2.9", 41_000)
    side.offer()
    terms = side.accept(SDP.replace(b"101", b"96"))
    assert side.events and (terms.events, terms.their_events, terms.their_mki) == (101, 96, 0)


def test_our_key_stays_whoever_offers_what_anew() -> None:
    """There are telephones (baresip) that believe our first key to the end of the call."""
    ours = Ours.new("192.0.2.1", 40_002, [agreement.PCMA])
    side, first, other = Side("192.0.2.9", 41_000), keys_of_all_suites(), keys_of_all_suites()
    terms, body = side.answer(agreement.offer(ours, keys=first))
    assert side.answer(agreement.offer(ours, keys=first)) == (terms, body)

    changed, _body = side.answer(agreement.offer(ours, keys=other))
    assert (changed.suite, changed.our_key) == (terms.suite, terms.our_key)
    assert changed.their_key != terms.their_key

    _sound, answer = agreement.answer(sdp.read(side.offer()), ours, first[0])
    mine = side.accept(answer)
    assert (mine.our_key, mine.their_key) == (terms.our_key, terms.their_key)

    weaker, _body = side.answer(agreement.offer(ours, keys=other[-1:]))
    assert weaker.suite != terms.suite and weaker.our_key != terms.our_key


def test_our_offer_at_another_port() -> None:
    side = Side("192.0.2.9", 41_000)
    side.answer(SDP)
    side.moved(41_202)
    offer = side.offer()
    assert b"m=audio 41202 " in offer
    _sound, answer = agreement.answer(sdp.read(offer), Ours.new("192.0.2.1", 40_002, [agreement.PCMU]))
    terms = side.accept(answer)
    assert (terms.codec, terms.host, terms.port) == ("PCMU", "192.0.2.1", 40_002)


@pytest.mark.parametrize("offer", [b"", b"nonsense", SDP.replace(b"8 0 101", b"18"), SDP.replace(b"audio", b"image")])
def test_what_cannot_be_agreed_is_told(offer: bytes) -> None:
    with pytest.raises(ProtocolError):
        Side("192.0.2.9", 41_000).answer(offer)
