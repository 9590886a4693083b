"""Our side of what is said about one call's sound (SDP): offers and answers, and their terms for the media node."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import replace
from typing import cast

from server.meetings.phones import CallTerms, Codec
from server.telephony import agreement, sdp
from server.telephony.agreement import Ours, Sound
from server.telephony.sdes import Key


class Side:
    """One call's. ProtocolError of any method: there is no sound that both have, or what they say is malformed."""

    def __init__(self, address: str, port: int) -> None:
        self._ours = Ours.new(address, port)
        self._said = b""  # our latest description
        self._key: Key | None = None  # ours of SRTP, from the first agreement to the end of the call
        self.events = False  # whether keys are told by RTP

    @property
    def port(self) -> int:
        """Where our sound arrives."""
        return self._ours.port

    def moved(self, port: int) -> None:
        """Our sound arrives at another port from now on."""
        self._ours = replace(self._ours, port=port)

    def answer(self, offer: bytes) -> tuple[CallTerms, bytes]:
        """Our answer to an offer."""
        sound, body = agreement.answer(sdp.read(offer), self._ours, self._key)
        if self._said and body != self._said:
            self._ours = self._ours.changed()
            sound, body = agreement.answer(sdp.read(offer), self._ours, sound.our_key)
        self._said = body
        return self._terms(sound), body

    def offer(self) -> bytes:
        """Our offer; with our key where there is one."""
        if self._said:
            self._ours = self._ours.changed()
        self._said = agreement.offer(self._ours, keys=self._keys)
        return self._said

    def accept(self, answer: bytes) -> CallTerms:
        """What their answer to our offer settles."""
        return self._terms(agreement.accept(sdp.read(answer), self._ours, self._keys))

    @property
    def _keys(self) -> list[Key]:
        return [self._key] if self._key is not None else []

    def _terms(self, sound: Sound) -> CallTerms:
        self.events = sound.events is not None
        self._key = sound.our_key
        keys = {}
        if sound.our_key is not None and sound.their_key is not None:
            ours, theirs = (base64.b64encode(key.material).decode() for key in (sound.our_key, sound.their_key))
            keys = {"suite": sound.our_key.suite, "our_key": ours, "their_key": theirs}
        named = _is_address(sound.host)
        return CallTerms(
            codec=cast("Codec", sound.codec),
            sending=sound.sending,
            receiving=sound.receiving,
            events=sound.events,
            their_events=sound.their_events,
            noise=sound.noise,
            host=sound.host if named else "",
            port=sound.port if named else 0,
            sends=sound.sends,
            receives=sound.receives,
            reports=sound.reports,
            their_mki=sound.their_key.mki if sound.their_key is not None else 0,
            **keys,
        )


def _is_address(host: str) -> bool:
    """Names are not looked up: that could wait, or lead anywhere; their packets show where they are."""
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv4Address)
    except ValueError:
        return False
