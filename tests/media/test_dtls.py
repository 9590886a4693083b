"""The secure link: handshake, keys, replay; and the private names of aiortc and pylibsrtp that it rests on."""

from __future__ import annotations

import asyncio
import inspect

import aiortc.rtcdtlstransport as aiortc_dtls
import pylibsrtp
import pytest
from pylibsrtp import _binding

from server.errors import ProtocolError
from server.media.transport import dtls
from server.media.transport.dtls import Arena, DtlsLink, fingerprint, new_certificate, srtp_protect
from server.media.wire.rtp import build_header


class Pair:
    """Two links in memory; `lose` drops the client's first datagrams."""

    def __init__(self, *, wrong_fingerprint: bool = False, lose: int = 0) -> None:
        ours, theirs = new_certificate(), new_certificate()
        told = "00:" * 31 + "00" if wrong_fingerprint else fingerprint(theirs)
        self.lose = lose
        self.server = DtlsLink(ours, [("sha-256", told)], lambda data: self.client.datagram(data))
        self.client = DtlsLink(theirs, [("sha-256", fingerprint(ours))], self._to_server, role="client")
        self.up = {"server": asyncio.Event(), "client": asyncio.Event()}
        self.ends: list[tuple[str, str]] = []

    def _to_server(self, data: bytes) -> None:
        if self.lose:
            self.lose -= 1
        else:
            self.server.datagram(data)

    async def connect(self) -> None:
        for name, link in (("server", self.server), ("client", self.client)):
            link.start(self.up[name].set, lambda why, name=name: self.ends.append((name, why)))
        async with asyncio.timeout(5):
            await asyncio.gather(*(event.wait() for event in self.up.values()))


def packet(number: int) -> bytes:
    return build_header(96, 0, number, 0, 7) + b"payload"


def test_the_private_names_are_where_we_expect_them() -> None:
    transport = aiortc_dtls.RTCDtlsTransport
    for name in ("_set_role", "start", "stop", "state"):
        assert hasattr(transport, name)
    made = transport(dtls._Pipe(lambda data: None), [new_certificate()])  # type: ignore[arg-type]
    for name in ("_srtp_profiles", "_rx_srtp", "_ssl"):
        assert hasattr(made, name)
    source = inspect.getsource(transport)
    assert "self.transport._recv()" in source and "self.transport._send(data)" in source
    assert "export_keying_material" in source
    session = pylibsrtp.Session()
    assert int(_binding.ffi.cast("uintptr_t", session._srtp[0])) != 0
    assert callable(_binding.lib.srtp_protect)
    assert {profile.openssl_profile for profile in dtls.PROFILES} == set(dtls._TAG_BYTES)


async def test_handshake_prefers_gcm_and_media_passes_both_ways() -> None:
    pair = Pair()
    await pair.connect()
    assert pair.server.profile == pair.client.profile == b"SRTP_AEAD_AES_128_GCM"
    assert pair.server.unprotect(pair.client.protect(packet(1))) == packet(1)
    assert pair.client.unprotect(pair.server.protect(packet(2))) == packet(2)
    report = bytes([0x80, 201, 0, 1, 0, 0, 0, 7])
    assert pair.client.unprotect_rtcp(pair.server.protect_rtcp(report)) == report
    pair.server.close()
    await asyncio.sleep(0.05)
    assert pair.ends == [("client", "left")], "close_notify reaches the other side"
    pair.client.close()
    await asyncio.sleep(0)


async def test_a_number_is_sent_once_and_not_long_after_others() -> None:
    """Late ones are sent as long as a receiver may wait for them; one sent twice gives the key stream away."""
    pair = Pair()
    await pair.connect()
    for number in (1000, 1000 - 200):
        assert pair.client.unprotect(pair.server.protect(packet(number))) == packet(number)
        with pytest.raises(ProtocolError):
            pair.server.protect(packet(number))
    with pytest.raises(ProtocolError):
        pair.server.protect(packet(1000 - 300))
    pair.server.close()
    pair.client.close()
    await asyncio.sleep(0)


async def test_a_browser_without_gcm_gets_counter_mode() -> None:
    pair = Pair()
    pair.client._transport._srtp_profiles = [aiortc_dtls.SRTP_AES128_CM_SHA1_80]
    await pair.connect()
    assert pair.server.profile == b"SRTP_AES128_CM_SHA1_80"
    assert len(pair.server.protect(packet(1))) == len(packet(1)) + pair.server.tag_bytes == len(packet(1)) + 10


async def test_replayed_and_forged_packets_are_refused() -> None:
    pair = Pair()
    await pair.connect()
    protected = pair.client.protect(packet(1))
    pair.server.unprotect(protected)
    with pytest.raises(ProtocolError, match="replay"):
        pair.server.unprotect(protected)
    forged = bytearray(pair.client.protect(packet(2)))
    forged[-1] ^= 1
    with pytest.raises(ProtocolError):
        pair.server.unprotect(bytes(forged))
    for junk in (b"", b"\x80", b"\x80" * 11, b"\x80" * 3000):
        with pytest.raises(ProtocolError):
            pair.server.unprotect(junk)
        with pytest.raises(ProtocolError):
            pair.server.unprotect_rtcp(junk)


async def test_the_arena_protects_in_place_like_the_session() -> None:
    pair = Pair()
    await pair.connect()
    arena = Arena(4096)
    for number, offset in ((1, 0), (2, 1000)):
        plain = packet(number)
        arena.view[offset : offset + len(plain)] = plain
        arena.length[0] = len(plain)
        assert srtp_protect(pair.server.session, arena.start + offset, arena.length) == 0
        size = len(plain) + pair.server.tag_bytes
        assert arena.length[0] == size
        assert pair.client.unprotect(bytes(arena.view[offset : offset + size])) == plain


async def test_a_lost_flight_is_repeated() -> None:
    pair = Pair(lose=1)
    await pair.connect()
    assert pair.server.connected and pair.client.connected


async def test_a_certificate_that_was_not_announced_ends_the_session() -> None:
    pair = Pair(wrong_fingerprint=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await pair.connect()
    assert ("server", "dtls_failed") in pair.ends
    assert not pair.server.connected
    with pytest.raises(ProtocolError):
        pair.server.protect(packet(1))


async def test_a_flood_of_handshake_datagrams_is_bounded() -> None:
    link = DtlsLink(new_certificate(), [("sha-256", "00:" * 31 + "00")], lambda data: None)
    with pytest.raises(ProtocolError):
        for _ in range(1000):
            link.datagram(b"\x16" * 100)


async def test_junk_during_the_handshake_does_not_hurt() -> None:
    pair = Pair()
    for junk in (b"\x16", b"\x16\xfe\xff" + bytes(50), b"\x17" * 200, b"\x3f" * 1400):
        pair.server.datagram(junk)
    await pair.connect()
    for junk in (b"\x16", b"\x15\xfe\xfd" + bytes(20), b"\x17" * 200):
        pair.server.datagram(junk)
    await asyncio.sleep(0.05)
    assert pair.server.connected and not pair.ends
