"""`giaoban backup` and `restore`: the database, the files and the recordings as one folder with checksums."""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
from hashlib import file_digest
from pathlib import Path

import sqlalchemy as sa
from tqdm import tqdm

from server import config
from server.config import Settings
from server.errors import UserError

MANIFEST = "manifest.json"
DATABASE = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
_LEFT_OUT = ("giaoban.db", "giaoban.db-wal", "giaoban.db-shm", "media.log", "media-*.log", "previews/*/*")
# Sockets are no files, and previews are made again.


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `backup` and `restore`."""
    backup = commands.add_parser("backup", help="copy everything into a new folder; the server may run meanwhile")
    backup.add_argument("folder", type=Path)
    backup.set_defaults(run=run_backup)
    restore = commands.add_parser("restore", help="put a backup in place; the server must be stopped")
    restore.add_argument("folder", type=Path)
    restore.add_argument("--force", action="store_true", help="replace what is there")
    restore.set_defaults(run=run_restore)


def _folders(settings: Settings) -> dict[str, Path]:
    return {name: settings.path(getattr(settings.storage, name)) for name in ("data", "recordings")}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _dump_database(url: sa.URL, target: Path) -> None:
    if url.get_backend_name() == "sqlite":
        with sqlite3.connect(str(url.database)) as source, sqlite3.connect(target) as copy:
            source.backup(copy)
        return
    _run_postgres("pg_dump", "--format=custom", f"--file={target}", url=url)


def _load_database(url: sa.URL, source: Path) -> None:
    if url.get_backend_name() == "sqlite":
        target = Path(str(url.database))
        for suffix in ("", "-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        shutil.copy2(source, target)
        return
    _run_postgres("pg_restore", "--clean", "--if-exists", "--no-owner", str(source), url=url)


def _run_postgres(tool: str, *arguments: str, url: sa.URL) -> None:
    found = shutil.which(tool)
    if not found:
        raise UserError("no_tool", "Thiếu chương trình {tool} của PostgreSQL.", tool=tool)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    flag = "--dbname" if tool == "pg_restore" else "-d"
    subprocess.run([found, flag, plain, *arguments], check=True)  # noqa: S603 - fixed tools, our own settings


def run_backup(options: argparse.Namespace) -> int:
    """Copy database first, then files: a file without its row is harmless, a row without its file is not.

    Files are only ever added, so those that rows of the copied database name are there when they are copied.
    """
    settings = config.load()
    target: Path = options.folder
    if target.exists() and any(target.iterdir()):
        raise UserError("not_empty", "Thư mục {folder} không trống.", folder=target)
    target.mkdir(parents=True, exist_ok=True)
    url = sa.make_url(settings.database_url())
    _dump_database(url, target / DATABASE[url.get_backend_name()])
    files = [
        (name, path.relative_to(folder))
        for name, folder in _folders(settings).items()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(path.match(pattern) for pattern in _LEFT_OUT)
    ]
    for name, path in tqdm(files, unit="file", disable=not sys.stderr.isatty()):
        copy = target / name / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(_folders(settings)[name] / path, copy)
    sums = {str(p.relative_to(target)): _sha256(p) for p in sorted(target.rglob("*")) if p.is_file()}
    (target / MANIFEST).write_text(json.dumps({"backend": url.get_backend_name(), "sha256": sums}, indent=1), "utf-8")
    print(f"{target}: {len(sums)} files", file=sys.stderr)
    return 0


def run_restore(options: argparse.Namespace) -> int:
    """Check every sum, then put database and files in place."""
    settings = config.load()
    source: Path = options.folder
    manifest = json.loads((source / MANIFEST).read_text("utf-8"))
    url = sa.make_url(settings.database_url())
    if manifest["backend"] != url.get_backend_name():
        raise UserError("other_database", "Bản sao lưu là của {backend}.", backend=manifest["backend"])
    for name, wanted in tqdm(manifest["sha256"].items(), unit="file", disable=not sys.stderr.isatty()):
        if _sha256(source / name) != wanted:
            raise UserError("damaged", "Tệp {name} trong bản sao lưu đã hỏng.", name=name)
    folders = _folders(settings)
    if not options.force and url.get_backend_name() == "sqlite" and Path(str(url.database)).exists():
        raise UserError("not_empty", "Đã có dữ liệu. Dùng --force để thay thế.")
    for name, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        if (source / name).exists():
            shutil.copytree(source / name, folder, dirs_exist_ok=True)
    _load_database(url, source / DATABASE[manifest["backend"]])
    print(f"Restored from {source}.", file=sys.stderr)
    return 0
