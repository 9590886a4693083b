"""What is heard: the voices of a page by their frequencies, and Chromium's fake microphone on a telephone."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Page

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


def hears_tone(page: Page, hertz: float) -> bool:
    """Whether one of the page's voices is this tone, within 1 %."""
    found: list[dict[str, Any]] = page.evaluate(_LISTEN, 0.6)
    return any(one["loud"] > -50 and abs(one["hertz"] / hertz - 1) < 0.01 for one in found)


def beeps(sound: np.ndarray, rate: int = 8_000) -> int:
    """How many times it becomes loud: Chromium's fake microphone beeps about once a second."""
    size = rate // 50
    pieces = sound[: sound.size // size * size].reshape(-1, size).astype(float).std(axis=1)
    loud = pieces > 300
    return int(np.sum(loud[1:] & ~loud[:-1]))
