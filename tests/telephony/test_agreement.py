from dataclasses import replace

import pytest

from server.telephony import sdp
from server.telephony.agreement import CODECS, CannotAgreeError, Ours, Sound, accept, answer, offer
from tests.telephony.offers import OFFERS, described, keys_of_all_suites

OURS = Ours("198.51.100.9", 30_000, session=5)


def answered(name: str, ours: Ours = OURS) -> tuple[Sound, list[str]]:
    sound, body = answer(sdp.read(OFFERS[name]), ours)
    again = sdp.read(body)
    assert len(again.media) == len(sdp.read(OFFERS[name]).media), "an answer has as many m-lines as its offer"
    return sound, body.decode().split("\r\n")


def test_a_trunk_gets_one_codec_and_the_keys_with_its_own_number() -> None:
    sound, lines = answered("trunk")
    assert sound == Sound("PCMA", "203.162.1.20", 16_456, 8, 8, 96, 8_000, 13, True, True, 20)
    assert lines == [
        "v=0",
        "o=- 5 1 IN IP4 198.51.100.9",
        "s=Giao Ban",
        "c=IN IP4 198.51.100.9",
        "t=0 0",
        "m=audio 30000 RTP/AVP 8 96 13",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-15",
        "a=rtpmap:13 CN/8000",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_static_types_alone() -> None:
    sound, lines = answered("bare")
    assert (sound.codec, sound.sending, sound.events, sound.noise) == ("PCMU", 0, None, None)
    assert "a=rtpmap:0 PCMU/8000" in lines


def test_the_best_sound_is_chosen_with_events_of_its_clock_and_the_rest_is_refused() -> None:
    sound, lines = answered("soft phone")
    assert (sound.codec, sound.sending, sound.events, sound.events_clock) == ("OPUS", 96, 101, 48_000)
    assert sound.reports
    assert {"a=rtpmap:96 opus/48000/2", "a=rtcp-mux", "m=video 0 RTP/AVP 99", lines[-2]} <= set(lines)
    sound, _lines = answered("soft phone", Ours("198.51.100.9", 30_000, ("G722", "PCMU")))
    assert (sound.codec, sound.sending, sound.events, sound.events_clock) == ("G722", 9, 97, 8_000)


def test_events_of_another_clock_are_better_than_none() -> None:
    offered = described("m=audio 4000 RTP/AVP 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000")
    sound, body = answer(sdp.read(offered), OURS)
    assert (sound.events, sound.events_clock) == (101, 8_000)
    assert b"a=rtpmap:101 telephone-event/8000" in body


def test_srtp_is_answered_with_the_best_key_and_one_of_ours() -> None:
    sound, lines = answered("secure")
    assert sound.their_key is not None and sound.our_key is not None
    assert (sound.their_key.tag, sound.their_key.suite) == (2, "AES_CM_128_HMAC_SHA1_80")
    assert (sound.our_key.tag, sound.our_key.suite) == (2, "AES_CM_128_HMAC_SHA1_80")
    assert sound.our_key.material != sound.their_key.material
    assert [line for line in lines if "crypto" in line] == [f"a=crypto:{sound.our_key}"]
    assert "m=audio 30000 RTP/SAVP 8 101" in lines
    assert answered("secure")[0].our_key != sound.our_key


def test_srtp_without_a_key_that_we_can_use_is_refused_not_opened() -> None:
    unusable = OFFERS["secure"].replace(b"AES_CM_128", b"F8_128")
    with pytest.raises(CannotAgreeError):
        answer(sdp.read(unusable), OURS)
    both = unusable + b"m=audio 4002 RTP/AVP 8\r\n"
    sound, body = answer(sdp.read(both), OURS)
    assert (sound.port, sound.our_key) == (4_002, None)
    assert b"m=audio 0 RTP/SAVP 8 101" in body


def test_srtp_is_chosen_wherever_it_stands() -> None:
    secure = OFFERS["secure"].split(b"t=0 0\r\n")[1].replace(b"m=audio 4000", b"m=audio 4002")
    sound, body = answer(sdp.read(OFFERS["bare"] + secure), OURS)
    assert sound.port == 4_002 and sound.our_key is not None
    assert [line for line in body.split(b"\r\n") if line.startswith(b"m=")] == [
        b"m=audio 0 RTP/AVP 0",
        b"m=audio 30000 RTP/SAVP 8 101",
    ]
    unusable = secure.replace(b"AES_CM_128", b"F8_128")
    assert answer(sdp.read(OFFERS["bare"] + unusable), OURS)[0].our_key is None


def test_a_key_with_an_identifier_is_answered_without() -> None:
    """Each side says of its own packets what is in them (RFC 4568 §6.1)."""
    sound, body = answer(sdp.read(OFFERS["secure"].replace(b"|2^31", b"|2^31|1:4")), OURS)
    assert sound.their_key is not None and sound.our_key is not None
    assert (sound.their_key.mki, sound.our_key.mki) == (4, 0)
    assert b"a=crypto:" in body and b"|" not in body


def test_keys_in_a_plain_offer_change_nothing() -> None:
    plain = OFFERS["secure"].replace(b"RTP/SAVP", b"RTP/AVP")
    sound, body = answer(sdp.read(plain), OURS)
    assert sound.our_key is None and b"crypto" not in body


def test_names_stay_names() -> None:
    assert answered("named")[0].host == "media.trunk.vn"


@pytest.mark.parametrize(
    ("name", "direction", "sends", "receives"),
    [
        ("held", "a=inactive", False, False),
        ("held of old", "a=inactive", False, False),
        ("named", "a=sendrecv", True, True),
    ],
)
def test_hold(name: str, direction: str, sends: bool, receives: bool) -> None:
    sound, lines = answered(name)
    assert (sound.sends, sound.receives) == (sends, receives)
    assert direction in lines


@pytest.mark.parametrize("offered", ["m=audio 4000 RTP/AVP 18", "m=audio 0 RTP/AVP 0", "m=image 4 udptl t38", "a=x"])
def test_nothing_in_common(offered: str) -> None:
    with pytest.raises(CannotAgreeError):
        answer(sdp.read(described(offered)), OURS)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("secure", [False, True])
def test_what_we_offer_and_another_of_us_answers_is_agreed_by_both(codec: str, secure: bool) -> None:
    keys = keys_of_all_suites() if secure else []
    theirs, answering = answer(sdp.read(offer(OURS, keys=keys)), Ours("192.0.2.7", 4_000, (codec,)))
    mine = accept(sdp.read(answering), OURS, keys)
    assert (mine.codec, theirs.codec) == (codec, codec)
    assert (mine.sending, mine.events, mine.events_clock) == (theirs.receiving, theirs.events, theirs.events_clock)
    assert (mine.host, mine.port, theirs.host, theirs.port) == ("192.0.2.7", 4_000, "198.51.100.9", 30_000)
    assert (mine.our_key, mine.their_key) == (theirs.their_key, theirs.our_key)
    assert (mine.our_key is not None) is secure


def test_an_answer_may_number_its_codec_anew() -> None:
    answering = described(
        "m=audio 4000 RTP/AVP 111 97", "a=rtpmap:111 opus/48000/2", "a=rtpmap:97 telephone-event/8000"
    )
    sound = accept(sdp.read(answering), OURS)
    assert (sound.sending, sound.receiving) == (111, 107)
    assert (sound.events, sound.their_events) == (101, 97), "by our number (RFC 3264 §6.1), and some by their own"


@pytest.mark.parametrize(
    ("numbers", "events", "their_events"),
    [
        ("8 101", 101, None),
        ("8 102", 101, 102),  # which is ours of 48 kHz: keys as well
        ("111 107", 101, None),  # 107 is Opus, as we offered it
        ("8 96", 101, 96),
        ("8", None, None),
    ],
)
def test_keys_are_expected_under_the_number_that_we_offered(
    numbers: str, events: int | None, their_events: int | None
) -> None:
    codec, _, number = numbers.partition(" ")
    lines = [f"m=audio 4000 RTP/AVP {numbers}", *(["a=rtpmap:111 opus/48000/2"] if codec == "111" else [])]
    lines += [f"a=rtpmap:{number} telephone-event/8000"] if number else []
    sound = accept(sdp.read(described(*lines)), OURS)
    assert (sound.events, sound.their_events) == (events, their_events)


def test_keys_of_another_clock_have_the_number_that_we_offered_for_it() -> None:
    answering = described(
        "m=audio 4000 RTP/AVP 111 96", "a=rtpmap:111 opus/48000/2", "a=rtpmap:96 telephone-event/48000"
    )
    sound = accept(sdp.read(answering), OURS)
    assert (sound.events, sound.their_events, sound.events_clock) == (102, 96, 48_000)


@pytest.mark.parametrize(
    "answering",
    [
        described(),
        described("m=audio 0 RTP/AVP 8"),
        described("m=audio 4000 RTP/AVP 18"),
        described("m=audio 4000 RTP/SAVP 8"),
        described("m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 31"),
    ],
)
def test_answers_that_agree_to_nothing(answering: bytes) -> None:
    with pytest.raises(CannotAgreeError):
        accept(sdp.read(answering), OURS)


def test_an_answer_without_one_of_our_keys_is_no_agreement() -> None:
    keys = keys_of_all_suites()
    wrong = OFFERS["secure"].replace(b"crypto:1 ", b"crypto:9 ").replace(b"crypto:2 ", b"crypto:8 ")
    for answering in (wrong, OFFERS["trunk"], OFFERS["secure"]):
        with pytest.raises(CannotAgreeError):
            accept(sdp.read(answering), OURS, keys)


def test_a_changed_description_has_a_higher_version() -> None:
    changed = OURS.changed()
    assert changed == replace(OURS, version=2)
    assert b"o=- 5 2 IN IP4" in offer(changed, "sendonly") and b"a=sendonly" in offer(changed, "sendonly")
    assert Ours.new("192.0.2.1", 4).session != Ours.new("192.0.2.1", 4).session
