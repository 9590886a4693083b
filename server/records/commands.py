"""`giaoban records list | verify | export`: the archive for an operator at the server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

import msgspec
import sqlalchemy as sa
from tqdm import tqdm

from server import config
from server.errors import UserError
from server.records import keeping, packing, verifying
from server.records.model import record
from server.records.sending import inside
from server.records.verifying import Progress
from server.records.views import Verdict
from server.store import Store, Transaction

OPERATOR = "Giao Ban · giaoban records"
EXIT_DAMAGED = 1


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `records`."""
    records = commands.add_parser("records", help="list, verify and export the records of meetings")
    steps = records.add_subparsers(dest="step", required=True, metavar="STEP")
    listing = steps.add_parser("list", help="all records, the newest first")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    check = steps.add_parser("verify", help="recompute all sums; exit code 0 intact, 1 damaged with each file named")
    check.add_argument("id", type=int)
    check.add_argument("--json", action="store_true", help="the verdict as one JSON object")
    check.set_defaults(run=run_verify)
    export = steps.add_parser("export", help="write a BagIt package (RFC 8493) into a new folder")
    export.add_argument("id", type=int)
    export.add_argument("folder", type=Path)
    export.add_argument("--purpose", default="giaoban records export", help="kept in the record's custody chain")
    export.set_defaults(run=run_export)


def _open() -> tuple[Store, Path]:
    settings = config.load()
    return Store(settings.database_url()), settings.path(settings.storage.recordings)


def _all(tx: Transaction) -> list[dict[str, object]]:
    columns = ("id", "state", "started_at", "duration_ms", "bytes", "title", "verified_at")
    rows = tx.all(sa.select(*(record.c[name] for name in columns)).order_by(record.c.started_at.desc()))
    return [dict(row._mapping) for row in rows]


def run_list(options: argparse.Namespace) -> int:
    """Print the records."""
    store, _root = _open()
    try:
        found = store.read_now(_all)
    finally:
        store.close()
    for line in found:
        if options.json:
            print(msgspec.json.encode(line).decode())
        else:
            minutes = int(str(line["duration_ms"])) // 60000
            when = f"{line['started_at']:%Y-%m-%d %H:%M}Z"
            print(f"{line['id']:>6}  {line['state']:<10}  {when}  {minutes:>4} min  {line['title']}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Verify one record, log it, say what is wrong."""
    store, root = _open()
    try:
        verdict = _verify(store, root, options.id)
        store.write_now(keeping.log_verdict, OPERATOR, verdict)
    finally:
        store.close()
    if options.json:
        print(msgspec.json.encode(verdict).decode())
    else:
        for problem in verdict.problems:
            print(f"{problem.name}: {problem.what}")
        print(f"record {verdict.record}: {'intact' if verdict.intact else 'DAMAGED'}, {verdict.files} files")
    return 0 if verdict.intact else EXIT_DAMAGED


def _verify(store: Store, root: Path, record_id: int) -> Verdict:
    sealed = store.read_now(keeping.to_verify, OPERATOR, record_id)
    with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        for step in verifying.verify_steps(root, sealed, inside):
            if isinstance(step, Verdict):
                return step
            _show(bar, step)
    raise RuntimeError("a verification ended without a verdict")


def _show(bar: tqdm[NoReturn], step: Progress) -> None:
    bar.total = step.total
    bar.update(step.done - bar.n)


def run_export(options: argparse.Namespace) -> int:
    """Write the package; the folder must be new or empty."""
    target: Path = options.folder
    if target.exists() and any(target.iterdir()):
        raise UserError("not_empty", "Thư mục {folder} không trống.", folder=target)
    store, root = _open()
    try:
        sealed = store.write_now(keeping.log_export, OPERATOR, options.id, options.purpose)
        packing.write_folder(root, sealed, target, store.clock())
    finally:
        store.close()
    print(f"{target}: {len(sealed.files)} files", file=sys.stderr)
    return 0
