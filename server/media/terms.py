"""Words of the protocol that its parts share."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Kind = Literal["microphone", "camera", "screen"]
Picture = Literal["camera", "screen"]
Codec = Literal["vp8", "vp9"]  # of pictures
SessionState = Literal["connecting", "connected", "lost", "closed"]
Quality = Literal["good", "fair", "poor"]  # tốt, trung bình, yếu; the best first
Rung = Literal["full", "reduced", "fewer", "one", "still", "sound", "telephone"]  # of `ladder`, from above
Sound = Literal["comes", "pauses", "held", "missing"]  # whether a telephone's arrives; it pauses or is on hold by right
ALL_KINDS: frozenset[Kind] = frozenset(get_args(Kind))
PICTURES: tuple[Picture, ...] = get_args(Picture)
QUALITIES: tuple[Quality, ...] = get_args(Quality)
SOUNDS: tuple[Sound, ...] = get_args(Sound)
RUNGS: tuple[Rung, ...] = get_args(Rung)


def worst(*words: Quality) -> Quality:
    """The word for all of it together."""
    return max(words, key=QUALITIES.index)


class Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One that is told by its tag, and refused with a field that nobody knows."""
