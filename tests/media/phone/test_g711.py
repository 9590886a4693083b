"""Against FFmpeg's G.711, for every code and every sample."""

from __future__ import annotations

import time

import av
import numpy as np
import pytest

from server.media.phone.g711 import ALAW, G711, ULAW

LAWS = [("pcm_mulaw", ULAW), ("pcm_alaw", ALAW)]


def by_ffmpeg(codec: str, payload: bytes) -> np.ndarray:
    context = av.CodecContext.create(codec, "r")
    context.sample_rate = 8_000
    context.layout = "mono"
    frames = context.decode(av.Packet(payload))
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


@pytest.mark.parametrize(("codec", "law"), LAWS)
def test_every_code_means_what_it_does_to_ffmpeg(codec: str, law: G711) -> None:
    codes = bytes(range(256))
    assert (law.decode(codes) == by_ffmpeg(codec, codes)).all()


@pytest.mark.parametrize(("codec", "law"), LAWS)
def test_every_sample_gets_the_nearest_code(codec: str, law: G711) -> None:
    samples = np.arange(-32_768, 32_768).astype(np.int16)
    again = law.decode(law.encode(samples)).astype(np.int64)
    levels = np.unique(law.decode(bytes(range(256))).astype(np.int32))
    nearest = np.abs(samples.astype(np.int32)[:, None] - levels[None, :]).min(axis=1)
    assert (np.abs(again - samples) == nearest).all()
    codes = bytes(range(256))
    back = law.encode(law.decode(codes))
    assert sum(one != other for one, other in zip(back, codes, strict=True)) <= 1, "only one of two zeros comes back"


@pytest.mark.parametrize("law", [ULAW, ALAW])
def test_a_call_costs_next_to_nothing(law: G711) -> None:
    samples = (np.sin(np.arange(160)) * 10_000).astype(np.int16)
    began = time.process_time()
    for _ in range(2_000):
        law.decode(law.encode(samples))
    assert (time.process_time() - began) / 2_000 < 60e-6
