import contextlib
import time

import pytest

from server.errors import ProtocolError
from server.telephony.sdes import SUITES, Key, new_key, read_key
from server.telephony.sdp import Format, read
from tests.telephony.offers import OFFERS, described


def test_what_a_trunk_offers() -> None:
    (media,) = read(OFFERS["trunk"]).media
    assert (media.kind, media.port, media.protocol, media.host) == ("audio", 16_456, "RTP/AVP", "203.162.1.20")
    assert media.formats == (
        Format(8, "PCMA", 8_000),
        Format(0, "PCMU", 8_000),
        Format(18, "G729", 8_000, 1, "annexb=no"),
        Format(96, "TELEPHONE-EVENT", 8_000, 1, "0-15"),
        Format(13, "CN", 8_000),
    )
    assert (media.direction, media.ptime, media.secure, media.usable) == ("sendrecv", 20, False, True)


def test_static_types_need_no_rtpmap_and_a_mapped_one_means_what_it_says() -> None:
    media = read(described("m=audio 4000 RTP/AVP 9 8 0 3 97 200", "a=rtpmap:0 G722/8000", "a=rtpmap:97 Opus/48000/2"))
    assert [(one.payload_type, one.name) for one in media.media[0].formats] == [
        (9, "G722"), (8, "PCMA"), (0, "G722"), (3, "GSM"), (97, "OPUS"),
    ]  # fmt: skip


def test_session_lines_hold_for_media_without_their_own() -> None:
    first, second = read(
        described(
            "a=sendonly", "m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 0", "c=IN IP6 2001:db8::1", "a=recvonly"
        )
    ).media
    assert (first.host, first.direction) == ("192.0.2.1", "sendonly")
    assert (second.host, second.direction) == ("2001:db8::1", "recvonly")


@pytest.mark.parametrize("host", ["media.vnpt.vn", "192.0.2.1", "2001:db8::1", "a_b.local"])
def test_hosts_stay_what_they_are(host: str) -> None:
    family = "IP6" if ":" in host else "IP4"
    assert read(described(f"m=audio 4000 RTP/AVP 0\r\nc=IN {family} {host}/127")).media[0].host == host


@pytest.mark.parametrize("ptime", ["20", "60", "5", "2000", "x", "-20", "20.5", "٢٠"])
def test_only_a_usual_ptime_counts(ptime: str) -> None:
    (media,) = read(described("m=audio 4000 RTP/AVP 0", f"a=ptime:{ptime}")).media
    assert media.ptime == (int(ptime) if ptime in ("20", "60") else None)


@pytest.mark.parametrize(
    "line",
    ["m=audio 0 RTP/AVP 0", "m=video 4000 RTP/AVP 31", "m=audio 4000 UDP/TLS/RTP/SAVPF 0", "m=image 4000 udptl t38"],
)
def test_what_is_no_sound_for_us(line: str) -> None:
    assert not read(described(line)).media[0].usable


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"v=1\r\n",
        b"hello",
        described("m=audio x RTP/AVP 0"),
        described("m=audio 65536 RTP/AVP 0"),
        described("m=audio 4000 RTP/AVP"),
        described("m=audio 4000 RTP/AVP 0", "c=IN IP4"),
        described("m=audio 4000 RTP/AVP 0", "c=IN IP4 a b"),
        described("m=audio 4000 RTP/AVP 0", "c=IN IP4 a;b"),
        described("m=audio 4000 RTP/AVP " + " ".join(["0"] * 129)),
        described(*["m=audio 4000 RTP/AVP 0"] * 33),
        described("nonsense"),
        b"v=0\r\n" + b"a=x\r\n" * 1_001,
        b"v=0\r\n" + b"a" * 70_000,
    ],
)
def test_malformed_descriptions(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(body)


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_any_line_end_will_do(line_end: bytes) -> None:
    assert read(OFFERS["trunk"].replace(b"\r\n", line_end)) == read(OFFERS["trunk"])


@pytest.mark.parametrize("filling", ["a" * 60_000, " " * 60_000, "1 " * 30_000, "/" * 60_000, "(" * 60_000])
@pytest.mark.parametrize("name", ["m=audio 4000 RTP/AVP ", "c=IN IP4 ", "a=rtpmap:0 ", "a=crypto:1 ", "a=fmtp:0 "])
def test_no_line_takes_long(name: str, filling: str) -> None:
    began = time.thread_time()
    with contextlib.suppress(ProtocolError):
        read(described("m=audio 4000 RTP/SAVP 0", name + filling))
    assert time.thread_time() - began < 0.05


MATERIAL = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # RFC 4568 §6.1's example


def test_keys() -> None:
    for suite in SUITES:
        key = new_key(7, suite)
        assert read_key(str(key)) == key
        assert str(key).split("inline:")[1] not in repr(key)
    text = f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}"
    assert read_key(text) == read_key(text + "|2^20") == read_key(text + "|1048576 ")
    found = read_key(text)
    assert isinstance(found, Key) and len(found.material) == 30


@pytest.mark.parametrize(
    ("more", "mki"),
    [
        ("|2^20|1:4", 4),
        ("|1:4", 4),
        ("|2^31|255:1", 1),
        (f"|{2**1024 - 1}:128", 128),
        (" WSH=128", 0),
        ("|2^20|1:4 WSH=64", 4),
        ("  -NEW=1\tWSH=1024  ", 0),
    ],
)
def test_a_keys_identifier_and_hints_do_not_make_it_useless(more: str, mki: int) -> None:
    """RFC 4568 §6.1, §6.3; what begins with a dash may be ignored."""
    found = read_key(f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}{more}")
    assert found is not None and (found.mki, len(found.material)) == (mki, 30)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19z",
        "0 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|2^20|1:4|2^20",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|1:4|2^20",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|2^20|1:0",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|2^20|1:129",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|2^20|256:1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|2^20|01:1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL}|2^20|1:4;inline:{MATERIAL}|2^20|2:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL} WSH=063",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL} WSH=128 KDR=1",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{MATERIAL} WSH=128-more",
        "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz UNENCRYPTED_SRTP",
        "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz;inline:x",
        "1 AES_CM_128_HMAC_SHA1_80 inline:====",
    ],
)
def test_keys_that_we_cannot_use(value: str) -> None:
    assert read_key(value) is None
