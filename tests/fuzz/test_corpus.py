"""The kept corpus once more, without a fuzzer: what long runs have reached stays answered or refused."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from server.errors import ProtocolError
from tests.fuzz import corpus
from tests.fuzz.targets import NAMES


@pytest.mark.parametrize("target", NAMES)
def test_nothing_of_the_corpus_escapes(target: str) -> None:
    inputs = corpus.inputs(target)
    assert len(inputs) >= 5, "a corpus that is lost tests nothing"
    for path in inputs:
        corpus.replay(target, path.read_bytes())


@pytest.mark.parametrize("target", NAMES)
def test_nothing_of_the_seeds_escapes(target: str) -> None:
    for seed in importlib.import_module(f"tests.fuzz.targets.{target}").seeds():
        corpus.replay(target, seed)


@pytest.mark.parametrize("target", NAMES)
def test_the_corpus_is_small(target: str) -> None:
    assert sum(path.stat().st_size for path in corpus.inputs(target)) <= corpus.LARGEST


def test_inputs_that_reach_the_same_are_not_kept_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path / "corpus")
    found = tmp_path / "found"
    found.mkdir()
    for name, data in (("a", b"\0short"), ("b", b"\0short too"), ("c", b"\x02" + bytes(12)), ("crash-1", b"\x02x")):
        (found / name).write_bytes(data)
    kept = corpus.minimise("stun", found)
    assert kept == [b"\0short", b"\x02" + bytes(12)]
    assert sorted(path.read_bytes() for path in corpus.inputs("stun")) == sorted(kept)


def test_an_escape_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """ProtocolError is an answer; anything else is not."""
    module = importlib.import_module("tests.fuzz.targets.stun")

    def refuse(data: bytes) -> None:
        raise ProtocolError("no")

    def fall(data: bytes) -> None:
        raise IndexError

    monkeypatch.setattr(module, "one", refuse)
    corpus.replay("stun", b"")
    monkeypatch.setattr(module, "one", fall)
    with pytest.raises(IndexError):
        corpus.replay("stun", b"")
