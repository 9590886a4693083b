"""`giaoban units import FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from server import config
from server.store import Store
from server.store.migrate import migrate
from server.units.import_ import import_tree, read_district


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `units import`."""
    units = commands.add_parser("units", help="the tree of units")
    actions = units.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("import", help="bring the tree to what a file says; again changes nothing")
    add.add_argument("file", type=Path, help="such as config/districts/camlo.toml")
    add.add_argument("--json", action="store_true", help="print one JSON object")
    add.set_defaults(run=run_import)


def run_import(options: argparse.Namespace) -> int:
    """Import and say what changed."""
    district = read_district(options.file)
    store = Store(config.load().database_url())
    try:
        migrate(store.engine)
        report = store.write_now(import_tree, district)
    finally:
        store.close()
    if options.json:
        line = msgspec.json.encode(report).decode()
    else:
        counts = f"{report.added} added, {report.changed} changed, {report.ended} ended, {report.same} as before"
        line = f"{district.name}: {counts}"
    sys.stdout.write(line + "\n")
    return 0
