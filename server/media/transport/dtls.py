"""DTLS-SRTP (RFC 5764) by aiortc and libsrtp: everything of theirs that is private and that we touch is in this file.

Private names: `RTCDtlsTransport._srtp_profiles`, `_set_role`, `_rx_srtp`, `_ssl`, and what it calls on its transport
(`_recv`, `_send`, `role`); `pylibsrtp.Session._srtp`, `pylibsrtp._binding.{ffi,lib}`, `pylibsrtp.ERRORS`.
`test_dtls.py` fails when one moves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Literal

import aiortc.rtcdtlstransport as aiortc_dtls
import numpy as np
import pylibsrtp
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from numpy.typing import NDArray
from OpenSSL import SSL
from pylibsrtp import _binding

from server.errors import ProtocolError

log = logging.getLogger(__name__)

Role = Literal["client", "server"]
Fingerprint = tuple[str, str]  # hash name, value as in a=fingerprint (RFC 8122)

# We are DTLS server, so the first of ours that the browser also has is taken; GCM costs a third of CM + SHA-1.
PROFILES = [aiortc_dtls.SRTP_AEAD_AES_128_GCM, aiortc_dtls.SRTP_AES128_CM_SHA1_80]
_TAG_BYTES = {b"SRTP_AEAD_AES_128_GCM": 16, b"SRTP_AES128_CM_SHA1_80": 10}
_WAITING = 64  # DTLS datagrams of one participant not yet looked at

_KEYS_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 §4.2
_WINDOW = 256  # packets below the newest that may still be sent, ten pictures; libsrtp shifts a bit for each, each time

_LARGEST = 2_048  # bytes of a protected datagram; what is sent is below 1,500
_TRAILER = 144 + 4  # bytes that SRTCP may add (SRTP_MAX_SRTCP_TRAILER_LEN)

SrtpCall = Callable[[Any, Any, Any], int]
srtp_protect: SrtpCall = _binding.lib.srtp_protect


def new_certificate() -> RTCCertificate:
    """A self-signed ECDSA certificate for the life of the process."""
    return RTCCertificate.generateCertificate()


def fingerprint(certificate: RTCCertificate) -> str:
    """Its SHA-256, as it stands in a=fingerprint."""
    return next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")


class SrtpError(ProtocolError):
    """A protected datagram was forged, was replayed, or came before there were keys."""


class Arena:
    """Memory that libsrtp works in and that a datagram is sent from without another copy.

    `view[offset:]` is the memory, `start + offset` the pointer to it, `length` a C int for libsrtp to change.
    """

    def __init__(self, size: int = 1 << 16) -> None:
        self.size = size
        self.start: Any = _binding.ffi.new("char[]", size)
        self.view = memoryview(_binding.ffi.buffer(self.start))
        self.length: Any = _binding.ffi.new("int *")


class Lengths:
    """C ints for libsrtp, which reads in each how long a packet is and writes how long it has become.

    `values` are the ints as an array to be filled, `pointers` one pointer to each, for libsrtp.
    """

    def __init__(self, most: int) -> None:
        memory = _binding.ffi.new("int[]", most)
        self.values: NDArray[np.int32] = np.frombuffer(_binding.ffi.buffer(memory), np.int32)
        self.pointers: list[Any] = [memory + number for number in range(most)]


_desk = Arena(_LARGEST + _TRAILER)  # where one datagram is worked on at a time: memory that stays in the caches


class _Pipe:
    """What `RTCDtlsTransport` needs of an ICE transport."""

    role = "controlled"
    state = "completed"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self._send_datagram = send

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)

    def close(self) -> None:
        """Send nothing more, and hold nobody."""
        self._send_datagram = _nowhere


def _nowhere(data: bytes) -> None:
    log.debug("%d bytes of a link that is closed", len(data))


class DtlsLink:
    """The secure channel to one participant: handshake, then SRTP and SRTCP both ways.

    `send` puts a DTLS datagram on the wire; `ended` is called once when the other side closes or the handshake fails.
    """

    def __init__(
        self,
        certificate: RTCCertificate,
        fingerprints: list[Fingerprint],
        send: Callable[[bytes], None],
        role: Role = "server",
    ) -> None:
        self._pipe = _Pipe(send)
        self._transport = RTCDtlsTransport(self._pipe, [certificate])  # type: ignore[arg-type]
        self._transport._srtp_profiles = PROFILES
        self._transport._set_role(role)
        self._role = role
        self._theirs = RTCDtlsParameters([RTCDtlsFingerprint(name, value) for name, value in fingerprints])
        self.started = False  # whether the handshake was begun
        self._task: asyncio.Task[None] | None = None
        self.profile = b""
        self.tag_bytes = 0
        self.session: Any = None  # srtp_t for `srtp_protect`, once connected
        self._inward: pylibsrtp.Session | None = None
        self._outward: pylibsrtp.Session | None = None
        self._closing: asyncio.Task[None] | None = None

    def start(self, connected: Callable[[], None], ended: Callable[[str], None]) -> None:
        """Begin the handshake; one of the two is called from the loop."""
        self.started = True
        self._task = asyncio.get_running_loop().create_task(self._run(connected, ended))

    async def _run(self, connected: Callable[[], None], ended: Callable[[str], None]) -> None:
        try:
            await self._transport.start(self._theirs)
        except SSL.Error as error:
            log.debug("handshake: %r", error)
        if self._transport.state != "connected":
            ended("dtls_failed")
            return
        ssl, self._inward = self._transport._ssl, self._transport._rx_srtp
        self.profile = ssl.get_selected_srtp_profile()  # type: ignore[union-attr]
        self.tag_bytes = _TAG_BYTES[self.profile]
        self._outward = _protecting(ssl, self.profile, self._role)
        self.session = self._outward._srtp[0]
        self._transport.add_listener("statechange", lambda: self._changed(ended))
        connected()

    def _changed(self, ended: Callable[[str], None]) -> None:
        if self._transport.state in ("closed", "failed") and self.session is not None:
            ended("left")

    @property
    def connected(self) -> bool:
        """Whether media can be protected."""
        return self.session is not None

    def datagram(self, data: bytes) -> None:
        """A DTLS datagram came from the participant. Raises ProtocolError when more wait than a handshake needs."""
        try:
            self._pipe.inbox.put_nowait(data)
        except asyncio.QueueFull as error:
            raise ProtocolError("DTLS flood") from error

    def unprotect(self, data: bytes) -> bytes:
        """SRTP to RTP. Raises SrtpError when forged, replayed or before the handshake."""
        return _worked(self._inward, _binding.lib.srtp_unprotect, data, "SRTP")

    def unprotect_rtcp(self, data: bytes) -> bytes:
        """SRTCP to RTCP. Raises SrtpError as `unprotect`."""
        return _worked(self._inward, _binding.lib.srtp_unprotect_rtcp, data, "SRTCP")

    def protect_rtcp(self, data: bytes) -> bytes:
        """RTCP to SRTCP. Raises SrtpError before the handshake."""
        return _worked(self._outward, _binding.lib.srtp_protect_rtcp, data, "SRTCP")

    def protect(self, data: bytes) -> bytes:
        """RTP to SRTP for a single packet; the forwarding loop uses `srtp_protect` on an `Arena`."""
        return _worked(self._outward, srtp_protect, data, "SRTP")

    def close(self) -> None:
        """Tell the other side (close_notify) and end the tasks."""
        self.session = None
        if self._task is not None:
            self._task.cancel()
            self._closing = asyncio.get_running_loop().create_task(self._stop())
        else:
            self._pipe.close()

    async def _stop(self) -> None:
        """Say goodbye and break all cycles: what is in one waits for a full collection, and OpenSSL's 60 KB with it."""
        await self._transport.stop()
        self._transport.remove_all_listeners()
        self._pipe.close()
        self._task = self._closing = None


def _protecting(ssl: Any, name: bytes, role: Role) -> pylibsrtp.Session:
    """The session that protects what we send, of the keys that the handshake gave.

    aiortc's own lets a number be used twice, which for GCM gives the key stream away (RFC 7714 §8.1), and looks after
    a thousand numbers at each packet.
    """
    profile = next(profile for profile in PROFILES if profile.openssl_profile == name)
    keys = ssl.export_keying_material(_KEYS_LABEL, 2 * (profile.key_length + profile.salt_length))
    policy = pylibsrtp.Policy(
        key=profile.get_key_and_salt(keys, 1 if role == "server" else 0),
        ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=profile.libsrtp_profile,
    )
    policy.window_size = _WINDOW
    return pylibsrtp.Session(policy)


def _worked(session: pylibsrtp.Session | None, call: SrtpCall, data: bytes, what: str) -> bytes:
    """What libsrtp makes of a datagram; `Session`'s own methods do the same in memory of each session."""
    if session is None:
        raise SrtpError(f"{what} before DTLS")
    size, length = len(data), _desk.length
    if size > _LARGEST:
        raise SrtpError(f"{what}: {size} bytes are too many")
    _desk.view[:size] = data
    length[0] = size
    status = call(session._srtp[0], _desk.start, length)
    if status:
        raise SrtpError(f"{what}: {pylibsrtp.ERRORS[status]}")
    return bytes(_desk.view[: length[0]])
