"""The answer in the real Chromium: it takes our answer to its own offer and ends up as the design wants it."""

import secrets
from typing import Any

import pytest
from playwright.sync_api import Page

from server.media.joining.sdp import Offer, parse_offer
from server.media.joining.sdp_answer import SlotStream, build_answer

OFFER = """async ({sending, audio, video, data}) => {
  const pc = window.pc = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
  window.tracks = [];
  pc.ontrack = (event) => tracks.push([event.transceiver.mid, event.track.kind, event.streams[0].id]);
  if (sending) {
    const media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 1280, height: 720}});
    pc.addTransceiver(media.getAudioTracks()[0], {direction: 'sendonly'});
    pc.addTransceiver(media.getVideoTracks()[0], {direction: 'sendonly', sendEncodings: [
      {rid: 'f'}, {rid: 'h', scaleResolutionDownBy: 2}, {rid: 'q', scaleResolutionDownBy: 4}]});
    pc.addTransceiver('video', {direction: 'sendonly'});
  }
  for (let i = 0; i < audio; i++) pc.addTransceiver('audio', {direction: 'recvonly'});
  for (let i = 0; i < video; i++) pc.addTransceiver('video', {direction: 'recvonly'});
  if (data) pc.createDataChannel('unwanted');
  await pc.setLocalDescription();
  return pc.localDescription.sdp;
}"""

ACCEPT = """async (sdp) => {
  await pc.setRemoteDescription({type: 'answer', sdp});
  const all = pc.getTransceivers();
  return {
    state: pc.signalingState, tracks, mids: all.map((t) => t.mid), directions: all.map((t) => t.currentDirection),
    layers: all.filter((t) => t.direction === 'sendonly').map((t) => t.sender.getParameters().encodings.length),
    sent: all.map((t) => t.sender.getParameters().headerExtensions.map((e) => e.uri)),
    ssrcs: all.map((t) => (/a=ssrc:(\\d+)/.exec(pc.remoteDescription.sdp.split('m=')[1 + all.indexOf(t)]) || [])[1]),
  };
}"""


@pytest.fixture
def page(page: Page) -> Page:
    """A page of an origin that may ask for devices."""
    page.route("https://giaoban.test/", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto("https://giaoban.test/")
    return page


def streams(offer: Offer) -> dict[str, SlotStream]:
    return {
        section.mid: SlotStream(secrets.randbits(31) | 1, secrets.randbits(31) & ~1, f"slot{number}")
        for number, section in enumerate((*offer.audio_slots, *offer.video_slots))
    }


def answer(offer: Offer, slots: dict[str, SlotStream]) -> str:
    return build_answer(
        offer,
        ufrag="abcdefgh",
        pwd="0123456789abcdefghijklmn",
        fingerprint=":".join(["5A"] * 32),
        candidates=[("127.0.0.1", 40000), ("192.0.2.7", 40000)],
        slots=slots,
    )


def exchange(page: Page, **wish: int) -> tuple[Offer, dict[str, SlotStream], dict[str, Any]]:
    offer = parse_offer(page.evaluate(OFFER, {"sending": 0, "audio": 0, "video": 0, "data": 0, **wish}))
    slots = streams(offer)
    return offer, slots, page.evaluate(ACCEPT, answer(offer, slots))


def test_the_whole_meeting_in_one_offer_and_one_answer(page: Page) -> None:
    offer, slots, result = exchange(page, sending=1, audio=3, video=12)
    assert len(offer.sections) == 18
    assert result["state"] == "stable"
    assert result["directions"] == ["sendonly"] * 3 + ["recvonly"] * 15
    assert result["layers"] == [1, 3, 1]
    assert result["tracks"] == [[s.mid, s.kind, slots[s.mid].msid] for s in (*offer.audio_slots, *offer.video_slots)]
    for section in offer.sending:
        assert set(section.extensions) <= set(result["sent"][offer.sections.index(section)])


def test_a_viewer_that_sends_nothing(page: Page) -> None:
    offer, slots, result = exchange(page, audio=3, video=12)
    assert offer.sending == ()
    assert result["directions"] == ["recvonly"] * 15
    assert result["ssrcs"] == [str(slots[s.mid].ssrc) for s in offer.sections]


def test_what_the_node_does_not_take_is_refused_and_the_rest_goes_on(page: Page) -> None:
    offer = parse_offer(page.evaluate(OFFER, {"sending": 1, "audio": 1, "video": 3, "data": 1}))
    slots = streams(offer)
    left_out = offer.video_slots[1].mid
    del slots[left_out]
    result = page.evaluate(ACCEPT, answer(offer, slots))
    assert result["state"] == "stable"
    kept = [section.mid for section in offer.sections if section.kind != "application" and section.mid != left_out]
    assert result["mids"] == kept  # Chromium forgets a transceiver that was refused
    assert result["directions"] == ["sendonly"] * 3 + ["recvonly"] * 3
    assert len(result["tracks"]) == 3
