"""Offers that browsers made (captured from Chromium 156 and Firefox 153), offers bent by hand, and our answers."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from server.errors import ProtocolError
from server.media.joining import sdp_section
from server.media.joining.sdp import AUDIO_LEVEL, MID, REPAIRED_RID, RID, TRANSPORT_CC, Offer, parse_offer
from server.media.joining.sdp_answer import SlotStream, build_answer

DATA = Path(__file__).parent / "data"
BROWSERS = ("chromium", "firefox")


def captured(name: str) -> str:
    return (DATA / f"{name}.sdp").read_bytes().decode()


def slots_for(offer: Offer) -> dict[str, SlotStream]:
    sections = (*offer.audio_slots, *offer.video_slots)
    return {s.mid: SlotStream(1000 + 2 * n, 1001 + 2 * n, f"slot{n}") for n, s in enumerate(sections)}


def answer(offer: Offer, slots: dict[str, SlotStream] | None = None) -> str:
    return build_answer(
        offer,
        ufrag="ourufrag",
        pwd="ourpasswordourpassword00",
        fingerprint=":".join(["5A"] * 32),
        candidates=[("192.0.2.7", 40000), ("2001:db8::7", 40000)],
        slots=slots_for(offer) if slots is None else slots,
    )


def sections_of(text: str) -> list[list[str]]:
    return [part.split("\r\n")[:-1] for part in re.split(r"(?m)^(?=m=)", text)]


# ---- offers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("browser", BROWSERS)
def test_reads_the_whole_meetings_offer(browser: str) -> None:
    offer = parse_offer(captured(f"{browser}-meeting"))
    assert [s.mid for s in offer.sections] == [str(n) for n in range(18)]
    assert [s.mid for s in offer.sending] == ["0", "1", "2"]
    assert [s.mid for s in offer.audio_slots] == ["3", "4", "5"]
    assert [s.mid for s in offer.video_slots] == [str(n) for n in range(6, 18)]
    assert offer.camera is not None
    assert offer.camera.rids == ("f", "h", "q")
    assert offer.allows_mixed
    assert offer.fingerprints[0][0] == "sha-256"
    for section in offer.sections:
        assert {MID, TRANSPORT_CC} <= section.extensions.keys()
        assert "transport-cc" in section.feedback
    assert {RID, REPAIRED_RID} <= offer.camera.extensions.keys()
    assert all(AUDIO_LEVEL in s.extensions for s in offer.sections if s.kind == "audio")


def test_reads_the_numbers_of_chromium() -> None:
    offer = parse_offer(captured("chromium-meeting"))
    microphone, camera, screen = offer.sending
    assert (microphone.opus, microphone.opus_red, microphone.payload_type) == (111, 63, 111)
    assert (camera.vp8, camera.vp8_rtx, camera.payload_type) == (96, 97, 96)
    assert (camera.ssrcs, dict(camera.fid)) == ((), {})
    assert len(screen.ssrcs) == 2
    assert dict(screen.fid) == {screen.ssrcs[0]: screen.ssrcs[1]}
    assert camera.feedback == {"goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"}
    assert (len(offer.ufrag), len(offer.pwd)) == (4, 24)


def test_reads_the_numbers_of_firefox() -> None:
    """Its fingerprint stands in the session, its bundled m-lines have port 0, some extensions go one way only."""
    offer = parse_offer(captured("firefox-meeting"))
    microphone, camera, _ = offer.sending
    assert (microphone.opus, microphone.opus_red) == (109, None)
    assert (camera.vp8, camera.vp8_rtx) == (120, 124)
    assert len(camera.fid) == 3
    assert set(camera.fid) | set(camera.fid.values()) == set(camera.ssrcs)
    assert camera.one_way == {RID, REPAIRED_RID}
    assert RID not in offer.video_slots[0].extensions


@pytest.mark.parametrize("browser", BROWSERS)
def test_reads_a_viewer_that_only_receives(browser: str) -> None:
    offer = parse_offer(captured(f"{browser}-viewer"))
    assert offer.sending == ()
    assert (len(offer.audio_slots), len(offer.video_slots)) == (3, 12)


def test_roles_follow_kinds_and_directions_not_counts() -> None:
    text = captured("chromium-meeting")
    lines = re.split(r"(?m)^(?=m=)", text)
    lines[1] = lines[1].replace("a=sendonly", "a=sendrecv")
    lines[5] = lines[5].replace("a=recvonly", "a=inactive")
    offer = parse_offer("".join([*lines[:2], *lines[4:9]]))
    assert [s.mid for s in offer.sending] == ["0"]
    assert (offer.camera, offer.screen) == (None, None)
    assert [s.mid for s in offer.audio_slots] == ["3", "5"]
    assert [s.mid for s in offer.video_slots] == ["6", "7"]


def test_lines_may_end_in_lf_alone() -> None:
    text = captured("firefox-meeting")
    assert parse_offer(text.replace("\r\n", "\n")) == parse_offer(text)


def test_takes_the_first_of_alternative_and_paused_layers() -> None:
    text = captured("chromium-meeting").replace("a=simulcast:send f;h;q", "a=simulcast:send f,h;~q")
    camera = parse_offer(text).camera
    assert camera is not None
    assert camera.rids == ("f", "q")


CHANGES = {
    "not an SDP": ("v=0", "hello"),
    "large": ("s=-", "s=" + "x" * 200_000),
    "mids": ("a=mid:1\r", "a=mid:0\r"),
    "malformed": ("a=mid:0\r", 'a=mid:"><script>\r'),
    "mid": ("a=mid:0\r\n", ""),
    "m-line": ("m=audio 9 UDP", "m=audio nine UDP"),
    "bundled": ("a=group:BUNDLE 0 ", "a=group:BUNDLE "),
    "rtcp-mux": ("a=rtcp-mux\r\n", ""),
    "ice-ufrag": ("a=ice-ufrag", "a=ufrag"),
    "credentials": (r"a=ice-pwd:\S+", "a=ice-pwd:short"),
    "SHA-256": ("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
    "DTLS": ("a=setup:actpass", "a=setup:passive"),
    "neither": ("VP8/90000", "VP7/90000"),
    "Opus": ("opus/48000/2", "speex/16000/1"),
    "simulcast": ("send f;h;q", "send f;f;q"),
    "a=rid": ("send f;h;q", "send f;h;x"),
    "layers": ("send f;h;q", "send a;b;c;d;e"),
    "same id": ("a=extmap:4 ", "a=extmap:3 "),
    "32 bits": ("a=ssrc-group:FID ", "a=ssrc-group:FID 4294967296 5\r\na=ssrc-group:FID "),
    "two things": ("96", "111"),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_refuses_what_cannot_be_served(reason: str) -> None:
    pattern, replacement = CHANGES[reason]
    with pytest.raises(ProtocolError, match=reason):
        parse_offer(re.sub(pattern, lambda _: replacement, captured("chromium-meeting")))


def test_refuses_too_much_of_a_thing() -> None:
    text = captured("chromium-viewer")
    last = re.split(r"(?m)^(?=m=)", text)[-1]
    with pytest.raises(ProtocolError, match="m-lines"):
        parse_offer(captured("firefox-viewer") + "m=audio 9 X 0\r\n" * 40)
    with pytest.raises(ProtocolError, match="lines"):
        parse_offer(text + "a=x\r\n" * 4_000)
    with pytest.raises(ProtocolError, match="SSRCs"):
        parse_offer(text + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(100)))
    with pytest.raises(ProtocolError, match="formats"):
        parse_offer(text.replace(last, last.replace(" 96", " 96" * 200, 1)))
    with pytest.raises(ProtocolError, match="nothing"):
        parse_offer(text.replace("a=recvonly", "a=inactive"))


def of_each(lines: Callable[[int], Iterable[str]]) -> str:
    """A viewer's offer with more lines in each of its sections."""
    head, *sections = re.split(r"(?m)^(?=m=)", captured("firefox-viewer"))
    more = ("".join(f"a={line}\r\n" for line in lines(number)) for number in range(len(sections)))
    return head + "".join(section + extra for section, extra in zip(sections, more, strict=True))


def test_refuses_what_takes_long_to_read() -> None:
    """A node forwards nothing meanwhile: what a browser says in each section alike, others may not say in each anew."""
    with pytest.raises(ProtocolError, match="sets of codecs"):
        parse_offer(of_each(lambda section: [f"fmtp:99 profile-id=1;x={section}"]))
    with pytest.raises(ProtocolError, match="formats"):
        parse_offer(of_each(lambda _: (f"rtpmap:99 X{n}/90000" for n in range(100))))
    with pytest.raises(ProtocolError, match="SSRCs"):
        parse_offer(of_each(lambda _: (f"ssrc:7 x{n}" for n in range(150))))
    with pytest.raises(ProtocolError, match="SSRC groups"):
        parse_offer(of_each(lambda _: ["ssrc-group:FID 1 2"] * 50))
    with pytest.raises(ProtocolError, match="layers"):
        parse_offer(of_each(lambda _: (f"rid:r{n} send" for n in range(50))))


@pytest.mark.parametrize(
    ("told", "number"), [("profile-id=0", 98), ("a=1; profile-id=0 ", 98), ("profile-id=2", None), ("a=1;b=2", 98)]
)
def test_reads_the_profile_wherever_it_stands(told: str, number: int | None) -> None:
    codecs = sdp_section._codecs(("98 VP9/90000",), (f"98 {told}",), ("98",))
    assert codecs.get("vp9") == number


# ---- answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"{browser}-{who}" for browser in BROWSERS for who in ("meeting", "viewer")])
def test_every_section_is_answered_in_its_place(name: str) -> None:
    offer = parse_offer(captured(name))
    text = answer(offer)
    head, *sections = sections_of(text)
    assert len(text) < 16_000
    assert "a=ice-lite" in head
    assert "a=group:BUNDLE " + " ".join(s.mid for s in offer.sections) in head
    assert len(sections) == len(offer.sections)
    slots = slots_for(offer)
    for offered, lines in zip(offer.sections, sections, strict=True):
        assert lines[0].split()[0] == f"m={offered.kind}"
        assert {f"a=mid:{offered.mid}", "a=rtcp-mux", "a=setup:passive", "a=ice-ufrag:ourufrag"} <= set(lines)
        assert ("a=sendonly" if offered.mid in slots else "a=recvonly") in lines
        assert f"a=rtcp-fb:{offered.payload_type} transport-cc" in lines
        assert ("a=rtcp-rsize" in lines) == offered.rtcp_rsize
        assert ("a=rtcp-xr:rcvr-rtt=all" in lines) == offered.tells_time == name.startswith("chromium")


def test_screens_and_slots_may_be_vp9_behind_vp8() -> None:
    offer = parse_offer(captured("chromium-meeting"))
    _, camera, screen = offer.sending
    assert camera.pictures == {"vp8": (96, 97)}
    assert screen.pictures == offer.video_slots[0].pictures == {"vp8": (96, 97), "vp9": (98, 99)}
    _, *sections = sections_of(answer(offer))
    assert sections[1][0] == "m=video 9 UDP/TLS/RTP/SAVPF 96 97"
    for section in (sections[2], sections[6]):
        assert section[0] == "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99"
        assert {"a=rtpmap:98 VP9/90000", "a=fmtp:98 profile-id=0", "a=rtcp-fb:98 nack pli"} <= set(section)
        assert {"a=rtpmap:99 rtx/90000", "a=fmtp:99 apt=98"} <= set(section)


@pytest.mark.parametrize(
    ("told", "number"), [("profile-id=0", 98), ("", 98), ("x=1; profile-id=0", 98), ("profile-id=1", 100)]
)
def test_only_the_profile_that_all_decode_counts(told: str, number: int) -> None:
    text = captured("chromium-meeting").replace("a=fmtp:100 profile-id=2", "a=fmtp:100 profile-id=0")
    text = text.replace("a=fmtp:98 profile-id=0", f"a=fmtp:98 {told}" if told else "a=x")
    screen = parse_offer(text).screen
    assert screen is not None and screen.vp9 == number


def test_without_vp9_all_is_vp8() -> None:
    offer = parse_offer(captured("chromium-meeting").replace("VP9/90000", "VP10/90000"))
    assert all(section.pictures == {"vp8": (96, 97)} for section in (*offer.sending[1:], *offer.video_slots))
    assert "VP9" not in answer(offer)


def test_candidates_stand_on_the_first_section_only() -> None:
    _, first, *others = sections_of(answer(parse_offer(captured("chromium-meeting"))))
    assert [line for line in first if "candidate" in line] == [
        "a=candidate:1 1 udp 2130706431 192.0.2.7 40000 typ host",
        "a=candidate:2 1 udp 2130706175 2001:db8::7 40000 typ host",
        "a=end-of-candidates",
    ]
    assert not any("candidate" in line for lines in others for line in lines)


def test_slots_name_their_streams() -> None:
    offer = parse_offer(captured("firefox-viewer"))
    _, *sections = sections_of(answer(offer))
    audio, video = sections[0], sections[3]
    assert [line for line in audio if line.startswith(("a=ssrc", "a=msid"))] == [
        "a=msid:slot0 slot0",
        "a=ssrc:1000 cname:giaoban",
    ]
    assert [line for line in video if line.startswith(("a=ssrc", "a=msid"))] == [
        "a=msid:slot3 slot3",
        "a=ssrc-group:FID 1006 1007",
        "a=ssrc:1006 cname:giaoban",
        "a=ssrc:1007 cname:giaoban",
    ]
    assert "a=fmtp:124 apt=120" in video
    assert "a=fmtp:109 minptime=10;useinbandfec=1;usedtx=1" in audio
    assert not any("goog-remb" in line for line in video)


def test_voices_may_be_sent_with_copies_both_ways() -> None:
    """RED stands behind Opus: a browser sends it only when its page asks for it."""
    _, *sections = sections_of(answer(parse_offer(captured("chromium-meeting"))))
    for section in (sections[0], sections[3]):
        assert section[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 111 63"
        assert {"a=rtpmap:111 opus/48000/2", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"} <= set(section)
    _, microphone, *_ = sections_of(answer(parse_offer(captured("firefox-meeting"))))
    assert microphone[0] == "m=audio 9 UDP/TLS/RTP/SAVPF 109"
    assert not any("red/" in line for line in microphone)


def test_the_camera_is_taken_with_all_its_layers() -> None:
    _, microphone, camera, screen, *_ = sections_of(answer(parse_offer(captured("firefox-meeting"))))
    assert {"a=rid:f recv", "a=rid:h recv", "a=rid:q recv", "a=simulcast:recv f;h;q"} <= set(camera)
    assert f"a=extmap:9/recvonly {RID}" in camera
    assert {"a=rtcp-fb:120 goog-remb", "a=rtcp-fb:120 nack pli", "a=rtcp-fb:120 ccm fir"} <= set(camera)
    assert not any("simulcast" in line for line in (*microphone, *screen))


def test_what_is_not_taken_is_refused() -> None:
    offer = parse_offer(captured("chromium-meeting"))
    slots = slots_for(offer)
    del slots["3"], slots["7"]
    head, *sections = sections_of(answer(offer, slots))
    bundle = next(line for line in head if "BUNDLE" in line).split()[1:]
    assert bundle == [str(n) for n in range(18) if n not in (3, 7)]
    assert sections[3] == ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=inactive", "a=mid:3"]
    assert sections[7][0] == "m=video 0 UDP/TLS/RTP/SAVPF 96"


def test_a_data_channel_and_a_third_camera_are_refused() -> None:
    text = captured("chromium-meeting")
    extra = re.split(r"(?m)^(?=m=)", text)[3].replace("a=mid:2\r", "a=mid:third\r")
    data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:data\r\na=sctp-port:5000\r\n"
    offer = parse_offer(text.replace("BUNDLE 0", "BUNDLE third data 0") + extra + data)
    _, *sections = sections_of(answer(offer))
    assert [lines[0] for lines in sections[-2:]] == [
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ]


def test_only_what_was_offered_is_answered() -> None:
    text = captured("chromium-meeting").replace("a=extmap-allow-mixed\r\n", "")
    text = re.sub(r"a=rtcp-fb:\d+ (transport-cc|nack)\r\n|a=fmtp:(97|99) apt=\d+\r\n|a=rtcp-rsize\r\n", "", text)
    made = answer(parse_offer(text))
    for unasked in ("extmap-allow-mixed", "transport-cc\r", "nack\r", "rtx", "FID", "rsize"):
        assert unasked not in made.replace(TRANSPORT_CC, ""), unasked


def test_a_slot_that_was_not_offered_is_our_mistake() -> None:
    offer = parse_offer(captured("chromium-viewer"))
    with pytest.raises(ValueError, match="99"):
        answer(offer, {"99": SlotStream(1, 2, "x")})
