"""docker-compose.yml as an operator would start it: what each service gets, by config/deploy/example.env."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from server.config import ROOT

EXAMPLE = ROOT / "config" / "deploy" / "example.env"
FILLED_IN = {
    "GIAOBAN_DATABASE_PASSWORD": "x",
    "GIAOBAN_TURN_SECRET": "x",
    "GIAOBAN_MEDIA_ADDRESSES": "127.0.0.1",
}
"""What has no default, and a person fills in."""
_NAME = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[?-])(?P<rest>[^{}]*))?\}")


def example(**filled_in: str) -> dict[str, str]:
    """The example's settings with its last block, several control processes, taken in, and what a person fills in."""
    text = EXAMPLE.read_text("utf-8")
    head, mark, several = text.partition("# Two control processes")
    assert mark, "example.env says nothing of several processes"
    lines = head.splitlines() + [line.removeprefix("#") for line in several.splitlines()[1:]]
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return dict(pairs) | filled_in


def services(environment: Mapping[str, str]) -> dict[str, Any]:
    """The services that start with these settings, all names filled in. Raises KeyError for one that is missing."""

    def fill(part: Any) -> Any:
        if isinstance(part, str):
            return _NAME.sub(lambda found: _value(found, environment), part)
        if isinstance(part, dict):
            return {key: fill(value) for key, value in part.items()}
        return [fill(value) for value in part] if isinstance(part, list) else part

    profiles = set(environment.get("COMPOSE_PROFILES", "").split(","))
    found = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    return {name: fill(one) for name, one in found.items() if profiles.issuperset(one.get("profiles", ()))}


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(found["name"], "")
    if value or found["how"] is None:
        return value
    if found["how"] == "-":
        return str(found["rest"])
    raise KeyError(found["name"])
