"""Words of the protocol that its parts share."""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["microphone", "camera", "screen"]
Picture = Literal["camera", "screen"]
Codec = Literal["vp8", "vp9"]  # of pictures
SessionState = Literal["connecting", "connected", "lost", "closed"]
Quality = Literal["good", "fair", "poor"]
Rung = Literal["full", "reduced", "fewer", "one", "still", "sound", "telephone"]


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One that is told by its tag, and refused with a field that nobody knows."""
