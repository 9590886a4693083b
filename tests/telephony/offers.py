"""Descriptions as telephones, trunks and exchanges write them."""

from __future__ import annotations

from server.telephony.sdes import SUITES, Key, new_key


def described(*lines: str) -> bytes:
    """A description with these lines after those of the session."""
    session = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0")
    return "\r\n".join([*session, *lines, ""]).encode()


def keys_of_all_suites() -> list[Key]:
    """As a telephone that can do all of them offers."""
    return [new_key(tag, suite) for tag, suite in enumerate(SUITES, 1)]


KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

OFFERS: dict[str, bytes] = {
    "trunk": described(
        "m=audio 16456 RTP/AVP 8 0 18 96 13",
        "c=IN IP4 203.162.1.20",
        "a=rtpmap:18 G729/8000",
        "a=fmtp:18 annexb=no",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ),
    "bare": described("m=audio 4000 RTP/AVP 0"),
    "soft phone": described(
        "m=audio 7078 RTP/AVP 96 9 8 0 101 97",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:101 telephone-event/48000",
        "a=rtpmap:97 telephone-event/8000",
        "a=rtcp-mux",
        "m=video 9078 RTP/AVP 99",
        "a=rtpmap:99 H264/90000",
        "m=application 5070 UDP/BFCP *",
    ),
    "secure": described(
        "m=audio 4000 RTP/SAVP 8 101",
        "a=rtpmap:101 telephone-event/8000",
        f"a=crypto:1 AES_CM_128_HMAC_SHA1_32 {KEY}",
        f"a=crypto:2 AES_CM_128_HMAC_SHA1_80 {KEY}|2^31",
        "a=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:short",
    ),
    "named": described("m=audio 4000 RTP/AVP 8", "c=IN IP4 media.trunk.vn"),
    "held": described("m=audio 4000 RTP/AVP 8", "a=sendonly"),
    "held of old": described("m=audio 4000 RTP/AVP 8", "c=IN IP4 0.0.0.0"),
    "fax": described("m=image 4000 udptl t38"),
}
