"""Every prompt that is said is there and can be heard; names are spoken by a program of its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from server.calls import prompts
from server.calls.prompts import FOLDER, NUMBERS, Voice, number, recorded, spoken_prompts, texts
from server.config import ROOT
from server.media.phone.sounds import read
from server.reach.notice import NoticeKind
from tests.sounds import loud

SPEAKER = """#!/bin/sh
[ "$1" = "--stdin" ] || exit 2
while [ "$1" != "-w" ]; do shift; done
{ printf 'spoken: '; cat; } > "$2"
echo once >> "$0.log"
"""


def test_there_is_a_file_for_each_prompt_and_no_other() -> None:
    wanted = set(spoken_prompts()) | {prompts.ENTER, prompts.MUSIC}
    assert {path.stem for path in FOLDER.glob("*.opus")} == wanted


def test_every_recording_is_of_the_text_as_it_is_now() -> None:
    """After a change of a text run `python -m server.calls.make_prompts NAME`."""
    assert recorded() == {name: prompts.digest(name, text) for name, text in spoken_prompts().items()}


def test_every_prompt_that_is_said_has_a_text() -> None:
    said = set()
    for path in (ROOT / "server" / "calls").glob("*.py"):
        for words in re.findall(r"\.say\(([^)]*)\)", path.read_text("utf-8")):
            said |= set(re.findall(r'"(\w+)"', words))
    assert len(said) > 12
    assert said <= set(texts())


def test_every_text_is_said() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "server" / "calls").glob("*.py"))
    kinds = {f"directive_{kind.value}" for kind in NoticeKind}  # named by `script`
    assert [name for name in texts() if f'"{name}"' not in code and name not in kinds] == []


@pytest.mark.parametrize("name", [*texts(), "n0", f"n{NUMBERS}", prompts.ENTER, prompts.MUSIC])
def test_every_prompt_can_be_heard(name: str) -> None:
    sound = read(prompts.prompt(name)).at(8_000).astype(float)
    assert 0.3 < sound.size / 8_000 < 25
    assert np.abs(sound).max() > 3_000
    assert np.sqrt((sound**2).mean()) > 300


async def test_a_text_is_spoken_by_the_synthesiser_of_this_machine(tmp_path: Path) -> None:
    """espeak-ng itself; longer texts take longer."""
    voice = Voice(tmp_path / "speech")
    assert voice.able
    short, long = [
        await voice.speak(text) for text in ("Thôn Tân Trang, xã Cam Thủy", "Trực bão hai mươi tư giờ. " * 6)
    ]
    assert short is not None and long is not None
    sounds = [read(file).at(8_000) for file in (short, long)]
    assert 1.0 < sounds[0].size / 8_000 < 4.0 < sounds[1].size / 8_000 < 20.0
    assert all(loud(sound) for sound in sounds)


async def test_a_text_is_read_whole_and_as_letters(tmp_path: Path) -> None:
    """A line of more than 999 octets takes as much longer as there is more of it; two brackets begin no phonemes."""
    voice = Voice(tmp_path / "speech")
    line = "Kiểm tra đê và hồ chứa nước trên địa bàn xã "
    seconds = []
    for text in (line * 20, line * 60, "[[hello]] đê", "[hello] đê"):
        file = await voice.speak(text)
        assert file is not None
        seconds.append(read(file).at(8_000).size / 8_000)
    assert 2.9 < seconds[1] / seconds[0] < 3.1
    assert abs(seconds[2] - seconds[3]) < 0.05


def test_numbers_are_words_or_digits() -> None:
    assert [Path(file).stem for file in number(7)] == ["n7"]
    assert [Path(file).stem for file in number(1_927)] == ["n1", "n9", "n2", "n7"]


@pytest.fixture
def speaker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "espeak-ng"
    program.write_text(SPEAKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


async def test_a_name_is_spoken_once_whatever_it_holds(speaker: Path, tmp_path: Path) -> None:
    voice = Voice(tmp_path / "speech")
    assert voice.able
    name = "Thôn Tân Trang; rm -rf /\n$(id) -w /etc/passwd"
    first, second = await voice.speak(name), await voice.speak(name)
    assert first is not None and first == second
    assert Path(first).read_text("utf-8") == "spoken: Thôn Tân Trang; rm -rf / $(id) -w /etc/passwd"
    assert Path(f"{speaker}.log").read_text() == "once\n"
    assert await voice.speak("  ") is None


async def test_only_the_newest_texts_are_kept(speaker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "KEPT", 3)
    voice = Voice(tmp_path / "speech")
    made = [await voice.speak(f"Thôn {n}") for n in range(6)]
    assert len(list((tmp_path / "speech").iterdir())) == 3
    assert made[-1] is not None and Path(made[-1]).exists()


async def test_a_program_that_fails_leaves_nothing_behind(speaker: Path, tmp_path: Path) -> None:
    speaker.write_text("#!/bin/sh\nexit 1\n")
    voice = Voice(tmp_path / "speech")
    assert await voice.speak("Cam Thủy") is None
    assert list((tmp_path / "speech").iterdir()) == []


async def test_without_the_program_nothing_is_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    voice = Voice(tmp_path / "speech")
    assert not voice.able
    assert await voice.speak("Cam Thủy") is None
