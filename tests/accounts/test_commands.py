"""`giaoban units import` and `giaoban account add`, as an operator runs them on a new server."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.accounts import commands as account_commands
from server.accounts import service
from server.config import ROOT
from server.errors import UserError
from server.store import Store
from server.units import commands as unit_commands
from tests.conftest import Clock


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run a command on the test's database; gives what it printed. Commands, and so the test, go by the real clock."""
    monkeypatch.setenv("GIAOBAN_DATABASE_URL", store.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr(account_commands, "migrate", lambda _engine: None)  # the fixture made the tables
    monkeypatch.setattr(unit_commands, "migrate", lambda _engine: None)

    def run_command(*arguments: str) -> str:
        parser = argparse.ArgumentParser()
        commands = parser.add_subparsers(required=True)
        account_commands.add_commands(commands)
        unit_commands.add_commands(commands)
        options = parser.parse_args(arguments)
        assert options.run(options) == 0
        clock.set(datetime.now(UTC))
        return capsys.readouterr().out

    return run_command


def test_units_then_the_first_administrator(run: Any, store: Store) -> None:
    file = str(ROOT / "config" / "districts" / "camlo.toml")
    assert json.loads(run("units", "import", file, "--json")) == {"added": 97, "changed": 0, "same": 0, "ended": 0}
    assert run("units", "import", file) == "Cam Lộ: 0 added, 0 changed, 0 ended, 97 as before\n"
    made = run("account", "add", "admin", "Phan Minh Đức", "--unit", "468", "--role", "administrator", "--json")
    assert len(json.loads(made)["password"]) == 14
    assert store.read_now(service.principal_of, "admin").acting.unit_name == "UBND huyện"
    with pytest.raises(UserError, match="admin"):
        run("account", "add", "admin", "Ai Đó", "--unit", "468", "--role", "clerk")
    with pytest.raises(UserError, match="99"):
        run("account", "add", "b", "Ai Đó", "--unit", "99", "--role", "clerk")
