"""Media come before what else a machine does, where the machine allows it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from server.media import node as media_node
from server.media.node import NICE
from tests.media.driving import node_process


async def test_a_node_comes_first_as_far_as_it_may(tmp_path: Path) -> None:
    allowed = os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_NICE)[0] >= 20 - NICE
    async with node_process(tmp_path) as node:
        assert os.getpriority(os.PRIO_PROCESS, node.pid) == (NICE if allowed else os.getpriority(os.PRIO_PROCESS, 0))


def test_a_node_that_may_not_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    with caplog.at_level("INFO", logger=media_node.log.name):
        media_node.come_first()
    assert "RLIMIT_NICE" in caplog.text
