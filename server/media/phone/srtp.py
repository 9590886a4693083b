"""Packets of a telephone by SRTP (RFC 3711; AEAD, RFC 7714) with the keys of the description; libsrtp does the work.

A packet bears 16 of the 48 bits of its index; how often those ran over (ROC, §3.3.1) each side counts. A telephone
whose call is older than 65,536 packets, 22 minutes, and comes to another node keeps key and count, so what libsrtp
cannot prove with a count of its own is tried with others. libsrtp is told the count by packets of ours that go nowhere.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pylibsrtp import Error, Policy, Session

from server.media.wire.rtp import build_header, distance

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
BEHIND_MKI = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}
"""Octets of the tag; with GCM nothing is behind the MKI (RFC 3711 §3.1, RFC 7714 §8.2)."""

_RTCP_TAG = 10  # octets behind the MKI of SRTCP, whichever of those two it is (RFC 4568 §6.2)
TURNS = 128  # of the 16 bits that are looked through: 46 hours of 50 packets a second
TRIES = 4  # of them with each packet that is not proved, which anybody may send: 2 us each
PACKETS = TURNS // TRIES  # in a row, so many, are tried with all; which with which goes by their numbers
PAUSE = 1.0  # s after one was found; telling libsrtp takes up to 2 ms, and the telephone itself may be up to mischief
_PROVED = 8  # sources of a call that libsrtp remembers: it looks for each packet's in a row
_HEADER = 12  # octets
_MASTER = {"AEAD_AES_256_GCM": 32}  # octets of the master key, where they are not 16; the salt follows
_STEP, _BEFORE = 0x7000, 200  # from packet to packet that count is told by, and from the last one: no replay, not late


@dataclass(frozen=True)
class Keys:
    """Master keys with salt of both ways, and the suite that both use. `mki`: octets of it in each packet of theirs."""

    suite: str
    ours: bytes
    theirs: bytes
    mki: int = 0


def outward(suite: str, key: bytes) -> Session:
    """For what we send. Raises KeyError, TypeError, ValueError, Error when the key does not fit."""
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[suite]))


class Inward:
    """What comes by one key."""

    def __init__(self, suite: str, key: bytes) -> None:
        """Raises as `outward`."""
        self._suite, self._key = suite, key
        self._session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[suite]))
        self._proofs = _Proofs(suite, key)
        self._newest: dict[bytes, int] = {}  # index by source, of those that `_session` knows, the oldest first
        self._rest_until = float("-inf")

    def unprotect(self, data: bytes, mki: int, now: float) -> bytes:
        """SRTP to RTP. Raises Error."""
        if mki:  # libsrtp's binding knows of none; there is but one key
            end = len(data) - BEHIND_MKI.get(self._suite, 0)
            data = data[: max(end - mki, 0)] + data[end:] if end > 0 else b""
        try:
            plain = self._session.unprotect(data)
        except Error:
            if now < self._rest_until or not self._catch_up(data, now):
                raise
            plain = self._session.unprotect(data)
        self._note(data[8:_HEADER], int.from_bytes(data[2:4], "big"))
        return plain

    def unprotect_rtcp(self, data: bytes, mki: int) -> bytes:
        """SRTCP to RTCP, of a source whose sound was proved. Raises Error."""
        if data[4:8] not in self._newest:  # libsrtp would remember whoever it is
            raise Error("SRTCP of an unknown source")
        if mki:
            end = len(data) - (0 if self._suite.startswith("AEAD") else _RTCP_TAG)
            data = data[: max(end - mki, 0)] + data[end:]
        return self._session.unprotect_rtcp(data)

    def _note(self, source: bytes, number: int) -> None:
        newest = self._newest.get(source)
        if newest is None:
            self._forget_oldest()
            self._newest[source] = number
        else:
            self._newest[source] = newest + max(distance(number, newest & 0xFFFF), 0)

    def _forget_oldest(self) -> None:
        if len(self._newest) >= _PROVED:
            self._forget(next(iter(self._newest)))

    def _forget(self, source: bytes) -> None:
        del self._newest[source]
        self._session.remove_stream(int.from_bytes(source, "big"))

    def _catch_up(self, data: bytes, now: float) -> bool:
        """Whether a count ahead proves the packet; then the session has it. Never one behind: that is a replay."""
        if len(data) <= _HEADER:
            return False
        source, number = data[8:_HEADER], int.from_bytes(data[2:4], "big")
        newest = self._newest.get(source, 0xFFFF)
        first = (newest >> 16) + (number <= newest & 0xFFFF)
        begin = number % PACKETS * TRIES
        turns = range(max(first, begin), begin + TRIES)
        count = next((turn for turn in turns if self._proofs.hold(data, turn)), None)
        if count is None:
            return False
        self._rest_until = now + PAUSE
        self._tell(source, count << 16 | number)
        return True

    def _tell(self, source: bytes, index: int) -> None:
        """Let the session expect a packet of this index next."""
        if source in self._newest:
            self._forget(source)
        self._forget_oldest()
        made, ssrc = outward(self._suite, self._key), int.from_bytes(source, "big")
        for before in range((index - _BEFORE) % _STEP, index, _STEP):
            self._session.unprotect(made.protect(build_header(0, 0, before, 0, ssrc)))
        self._newest[source] = index


class _Proofs:
    """Whether a packet is of the key's holder, if its count is such; a key of the session (RFC 3711 §4.3) tells."""

    def __init__(self, suite: str, key: bytes) -> None:
        size = _MASTER.get(suite, 16)
        self._master, self._salt = key[:size], key[size:].ljust(14, b"\0")
        self._tag = BEHIND_MKI.get(suite, 0)
        self._mac = self._derive(1, 20)
        self._aead = None if self._tag else AESGCM(self._derive(0, size))
        self._mask = int.from_bytes(self._derive(2, 12), "big")

    def _derive(self, label: int, size: int) -> bytes:
        salt = bytearray(self._salt)
        salt[7] ^= label
        stream = Cipher(algorithms.AES(self._master), modes.CTR(bytes(salt) + b"\0\0")).encryptor()
        return stream.update(bytes(size))

    def hold(self, data: bytes, count: int) -> bool:
        """Of a packet of more than 12 octets."""
        turn = count.to_bytes(4, "big")
        if self._aead is None:
            made = hmac.digest(self._mac, data[: -self._tag] + turn, "sha1")
            return hmac.compare_digest(made[: self._tag], data[-self._tag :])
        nonce = int.from_bytes(data[8:_HEADER] + turn + data[2:4], "big") ^ self._mask  # RFC 7714 §8.1
        header = _HEADER + 4 * (data[0] & 0x0F)
        if data[0] & 0x10:  # an extension, which is proved but not encrypted either
            header += 4 + 4 * int.from_bytes(data[header + 2 : header + 4], "big")
        try:
            self._aead.decrypt(nonce.to_bytes(12, "big"), data[header:], data[:header])
        except InvalidTag:
            return False
        return True
