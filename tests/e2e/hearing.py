"""What is heard: voices and keys on a page by their frequencies, and Chromium's fake microphone on a telephone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Page

from tests.e2e.harness import until

BEEP, BEEP_EVERY = 400.0, 0.5  # Hz and s: of the fake microphone, as measured; each lasts 25 ms
_OFF = 0.06  # s that a beep may come early or late
_SHORT = 0.1  # s that it lasts at most, echoes and windows included
_PURE = 0.7  # of its strength that is at its pitch: a beep is a square wave
_LOUD = 300.0

_LISTEN = """async (seconds) => {
  const { connection } = document.querySelector('[data-room]').room.session;
  window.ear ??= new AudioContext();
  await ear.resume();
  const tracks = connection.pc.getReceivers().map((one) => one.track).filter((one) => one.kind === 'audio');
  const analysers = tracks.map((track) => {
    const analyser = new AnalyserNode(ear, { fftSize: 16384, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(ear, { mediaStream: new MediaStream([track]) }).connect(analyser);
    return analyser;
  });
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  return analysers.map((analyser) => {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const peak = bins.indexOf(Math.max(...bins));
    return { hertz: peak * ear.sampleRate / analyser.fftSize, loud: bins[peak] };
  });
}"""


KEYS_HEARD, KEYS_NOT_HEARD = -45.0, -52.0  # dB; one tone alone leaves -59 in the band of the other

_WATCH_KEYS = """async () => {
  const { connection } = document.querySelector('[data-room]').room.session;
  window.ear ??= new AudioContext();
  await ear.resume();
  const tracks = connection.pc.getReceivers().map((one) => one.track).filter((one) => one.kind === 'audio');
  const analysers = tracks.map((track) => {
    const analyser = new AnalyserNode(ear, { fftSize: 2048, smoothingTimeConstant: 0 });
    new MediaStreamAudioSourceNode(ear, { mediaStream: new MediaStream([track]) }).connect(analyser);
    return analyser;
  });
  const at = (hertz) => Math.round(hertz * 2048 / ear.sampleRate);
  const bins = new Float32Array(1024);
  const loudest = (from, to) => Math.max(...bins.subarray(at(from), at(to) + 1));
  const watch = { loudest: -Infinity, looks: 0 };
  watch.timer = setInterval(() => {
    watch.looks += 1;
    for (const analyser of analysers) {
      analyser.getFloatFrequencyData(bins);
      watch.loudest = Math.max(watch.loudest, Math.min(loudest(697, 941), loudest(1209, 1477)));
    }
  }, 10);
  window.keyWatch = watch;
}"""
_KEYS_WATCHED = "() => { clearInterval(keyWatch.timer); return [keyWatch.looks, keyWatch.loudest]; }"


class KeysHeard:
    """`loudest` is the weaker of the two tones of a key (ITU-T Q.23) at its loudest, in dB."""

    loudest = float("-inf")


@contextmanager
def listening_for_keys(page: Page) -> Iterator[KeysHeard]:
    """What the page hears of pressed keys as long as the block lasts, looked at a hundred times a second."""
    found = KeysHeard()
    page.evaluate(_WATCH_KEYS)
    yield found
    page.wait_for_timeout(700)  # what is on its way may still arrive
    looks, found.loudest = page.evaluate(_KEYS_WATCHED)
    assert looks > 50, "the page has stood still"


def hears_tone(page: Page, hertz: float) -> bool:
    """Whether one of the page's voices is this tone, within 1 %."""
    found: list[dict[str, Any]] = page.evaluate(_LISTEN, 0.6)
    return any(one["loud"] > -50 and abs(one["hertz"] / hertz - 1) < 0.01 for one in found)


def hears_beeps(heard: Callable[[], np.ndarray], rate: int = 8_000) -> None:
    """Wait until a telephone, by all that it has heard, hears Chromium's fake microphone from now on."""
    before = heard().size
    until(lambda: beeps(heard()[before:][-6 * rate :], rate) >= 6, 30, "Chromium's beeps")


def hears_none(heard: Callable[[], np.ndarray], rate: int = 8_000) -> None:
    """That it hears no beep for four seconds, which begin in a second, when what is on its way has arrived."""
    before = heard().size + rate
    until(lambda: heard().size - before > 4 * rate, 20, "sound goes on")
    assert beeps(heard()[before:], rate) == 0


def beeps(sound: np.ndarray, rate: int = 8_000) -> int:
    """How many beeps of Chromium's fake microphone came one after the other, each when it was due."""
    most = run = 0
    before = float("-inf")
    for at in _beginnings(sound, rate):
        run = run + 1 if abs(at - before - BEEP_EVERY) < _OFF else 1
        most, before = max(most, run), at
    return most


def _beginnings(sound: np.ndarray, rate: int) -> list[float]:
    """When something as short as a beep, of nothing but its pitch, began after a tenth of a second of quiet; in s."""
    size, hop = rate // 50, rate // 100
    if sound.size < size:
        return []
    pieces = np.lib.stride_tricks.sliding_window_view(sound.astype(float), size)[::hop]
    whole = pieces.std(axis=1)
    wave = np.exp(-2j * np.pi * BEEP * np.arange(size) / rate) / size
    pitched = np.abs(pieces @ wave) * np.sqrt(2)
    beeping = np.pad((whole > _LOUD) & (pitched > _PURE * whole), 1).astype(np.int8)
    begins, ends = (np.flatnonzero(np.diff(beeping) == step) for step in (1, -1))
    return [
        begin * hop / rate
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if (end - begin) * hop / rate < _SHORT and whole[max(0, begin - 12) : max(0, begin - 2)].max(initial=0) < _LOUD
    ]
