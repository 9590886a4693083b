"""A PostgreSQL server of the tests' own: a new cluster in a temporary folder, reached by a Unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path

import psycopg
import sqlalchemy as sa

MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes; what the tests need is a third of it


def _bin(tool: str) -> str:
    return sorted(glob(f"/usr/lib/postgresql/*/bin/{tool}"))[-1]


def _as_user() -> dict[str, object]:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def start_postgres(top: Path) -> None:
    """Start the cluster in a folder and wait until it answers."""
    options = f"-c listen_addresses='' -c unix_socket_directories={top} -c max_connections=60"
    options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"  # no test cuts the power
    _pg_ctl(top, "-t", "30", "-l", str(top / "log"), "-o", options, "start")


def stop_postgres(top: Path) -> None:
    """End it at once, as a crash does."""
    _pg_ctl(top, "-m", "immediate", "stop")


@contextmanager
def ended(top: Path) -> Iterator[None]:
    """It is not there meanwhile."""
    stop_postgres(top)
    try:
        yield
    finally:
        start_postgres(top)


@contextmanager
def frozen(top: Path) -> Iterator[None]:
    """All its processes stand still meanwhile: sockets are open and take what is sent, and nobody answers."""
    parent = int((top / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(parent, signal.SIGSTOP)  # first: it makes no more children then
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    processes = [parent, *map(int, children)]
    try:
        for one in processes[1:]:
            os.kill(one, signal.SIGSTOP)
        yield
    finally:
        for one in processes:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)


def _pg_ctl(top: Path, *arguments: str) -> None:
    command = [_bin("pg_ctl"), "-D", str(top / "data"), "-w", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=top, **_as_user())  # type: ignore[call-overload]


def folder_of(url: sa.URL) -> Path:
    """The folder of the cluster that a URL leads to."""
    return Path(str(url.query["host"]))


def _in_memory() -> bool:
    """Whether the machine has a file system in memory (tmpfs), and room enough in it for the tests' databases."""
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM


@contextmanager
def postgres_cluster(*, on_disk: bool = False) -> Iterator[str]:
    """Run a cluster; gives the SQLAlchemy URL of its `postgres` database, whose user may create databases.

    It stands in memory if it may and can: a new database is 300 files, which on a disk cost 300 ms and more.
    """
    folder = MEMORY if not on_disk and _in_memory() else Path("/tmp")
    top = Path(tempfile.mkdtemp(prefix="gb-pg-", dir=folder))
    who = _as_user()
    if who:
        os.chown(top, who["user"], who["group"])  # type: ignore[arg-type]
    data = top / "data"
    quiet = {"stdout": subprocess.DEVNULL, "cwd": top, **who}
    try:
        subprocess.run(
            [_bin("initdb"), "-D", data, "-U", "giaoban", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"],
            check=True,
            **quiet,
        )
        start_postgres(top)
        try:
            yield f"postgresql+psycopg://giaoban@/postgres?host={top}"
        finally:
            stop_postgres(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def new_database(cluster_url: str, name: str) -> str:
    """Make an empty database in the cluster and give its URL."""
    plain = cluster_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    return cluster_url.replace("/postgres?", f"/{name}?")
