"""Fixtures of the archive's tests."""

from pathlib import Path

import pytest

from server.config import Settings


@pytest.fixture
def root(settings: Settings) -> Path:
    """The recordings folder of the test's application."""
    return Path(settings.storage.recordings)
