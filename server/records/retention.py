"""Retention rules: how long a record is kept, as data of `config/retention.toml` that the district edits."""

from __future__ import annotations

import datetime as dt
import tomllib
from functools import lru_cache
from pathlib import Path

import msgspec

from server.config import ROOT, ConfigError

FILE = ROOT / "config" / "retention.toml"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One period; `years` is None for ever. It holds for work that ends in [valid_from, valid_to)."""

    code: str
    name: str
    valid_from: dt.date
    valid_to: dt.date | None = None
    years: int | None = None

    def holds(self, day: dt.date) -> bool:
        """Whether the rule may be given to work that ended on a day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def due_on(self, ended: dt.date) -> dt.date | None:
        """The last day of keeping: 31 December so many years after the year of the end; None is never."""
        return None if self.years is None else dt.date(ended.year + self.years, 12, 31)


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All rules and the one that a new record gets."""

    default: str
    rule: list[Rule]

    def on(self, day: dt.date) -> list[Rule]:
        """The rules to choose from for work that ended on a day."""
        return [rule for rule in self.rule if rule.holds(day)]

    def find(self, code: str, day: dt.date) -> Rule | None:
        """The rule of a code that holds on a day."""
        return next((rule for rule in self.on(day) if rule.code == code), None)

    def name(self, code: str) -> str:
        """The name of a rule, its code if it is no longer in the file."""
        return next((rule.name for rule in self.rule if rule.code == code), code)


@lru_cache
def load(file: Path = FILE) -> Retention:
    """The rules of the file. Raises ConfigError where they make no sense."""
    try:
        rules = msgspec.convert(tomllib.loads(file.read_text("utf-8")), Retention)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from error
    if not any(rule.code == rules.default for rule in rules.rule):
        raise ConfigError(f"{file}: no rule has the default's code {rules.default!r}")
    return rules
