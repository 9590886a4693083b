from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from server.media.phone.sounds import CannotReadError, Player, Sound, Sounds, read
from server.media.wire.opus import RATE
from tests.sounds import pitch, tone


def frames(player: Player, rate: int) -> list[np.ndarray]:
    found = []
    while (frame := player.frame(rate)) is not None:
        found.append(frame)
        assert len(found) < 1_000
    return found


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_sounds_are_played_one_after_the_other_at_any_rate(rate: int) -> None:
    player = Player([Sound(tone(400, 0.5, RATE)), Sound(tone(900, 0.33, RATE))])
    made = np.concatenate(frames(player, rate))
    assert made.size == pytest.approx(0.83 * rate, abs=rate * 0.02)
    assert pitch(made[: rate // 2], rate) == pytest.approx(400, abs=5)
    assert pitch(made[rate // 2 :], rate) == pytest.approx(900, abs=5)
    assert player.frame(rate) is None


def test_what_repeats_never_ends_and_has_no_gap() -> None:
    player = Player([Sound(np.full(RATE // 30, 1_000, np.int16))], repeat=True)
    for _ in range(500):
        frame = player.frame(RATE)
        assert frame is not None and frame.size == 960
        assert (frame == 1_000).all()


def test_the_rate_may_change_in_between() -> None:
    player = Player([Sound(tone(400, 1, RATE))])
    before = sum(1 for _ in range(25) if player.frame(8_000) is not None)
    assert before + len(frames(player, 48_000)) == 50


async def test_a_file_is_read_once(tmp_path: Path) -> None:
    import wave

    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(np.repeat(tone(500, 1, 22_050), 2).astype("<i2").tobytes())
    sounds = Sounds()
    (sound,) = await sounds.load([str(path)])
    assert sound.at(RATE).size == pytest.approx(RATE, abs=100)
    assert pitch(sound.at(8_000), 8_000) == pytest.approx(500, abs=2)
    path.unlink()
    assert (await sounds.load([str(path), str(path)])) == [sound, sound]


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 100, b"OggS"])
def test_what_is_no_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.opus"
    path.write_bytes(content)
    with pytest.raises(CannotReadError):
        read(str(path))
