"""The server as an operator runs it: `giaoban demo` as a process, its signals, its health, a second start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from server.config import ROOT

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Operator:
    """Starts and stops the server on one data folder, as an operator does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIAOBAN_")},
            "GIAOBAN_HTTP_PORT": str(self.port),
            "GIAOBAN_DATABASE_URL": f"sqlite:///{folder}/giaoban.db",
            "GIAOBAN_STORAGE_DATA": str(folder / "data"),
            "GIAOBAN_STORAGE_RECORDINGS": str(folder / "recordings"),
            "GIAOBAN_STORAGE_FREE_SPACE_MB": "1",
            "GIAOBAN_MEDIA_SOCKET": str(folder / "media.sock"),
            "GIAOBAN_MEDIA_UDP_PORT": "0",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def giaoban(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "server", *arguments], cwd=ROOT, env=self.environ, capture_output=True, text=True
        )

    def start(self, *arguments: str, scheme: str = "http") -> float:
        """Start and wait for the first page; gives the seconds that took."""
        begin = time.monotonic()
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server", *arguments], cwd=ROOT, env=self.environ, stdout=output, stderr=output
            )
        while time.monotonic() - begin < 60:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                if self.get("/sign-in", scheme)[0] == 200:
                    return time.monotonic() - begin
            except OSError:
                time.sleep(0.03)
        raise AssertionError((self.folder / "log").read_text())

    def get(self, path: str, scheme: str = "http") -> tuple[int, bytes]:
        import ssl

        context = ssl._create_unverified_context() if scheme == "https" else None
        try:
            with urllib.request.urlopen(
                f"{scheme}://127.0.0.1:{self.port}{path}", timeout=5, context=context
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def ready(self) -> dict[str, Any]:
        """Wait until all parts work."""
        for _ in range(200):
            status, body = self.get("/readyz")
            if status == 200:
                return dict(json.loads(body))
            time.sleep(0.05)
        raise AssertionError(body)

    def all_nodes(self, number: int) -> list[dict[str, Any]]:
        """Wait until `/readyz` knows so many media nodes and each is ready; what it says of them."""

        def nodes() -> list[dict[str, Any]]:
            try:
                found: list[dict[str, Any]] = json.loads(self.get("/readyz")[1])["details"]["media"]
            except OSError:
                return []
            return found if [node["state"] for node in found] == ["ready"] * number else []

        return until(nodes)

    def media_pids(self) -> list[int]:
        """The media nodes that run on this folder's socket."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes()
            except OSError:
                continue
            if b"server.media.node" in line and str(self.folder).encode() in line:
                found.append(int(entry.parent.name))
        return found

    def signal(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def clean_up(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for pid in self.media_pids():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    running = Operator(tmp_path)
    yield running
    running.clean_up()


def until(condition: Callable[[], T], seconds: float = 30) -> T:
    """Ask until the answer is true; gives it."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def gone(operator: Operator, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not operator.media_pids():
            return True
        time.sleep(0.05)
    return False


def test_first_start_health_and_a_clean_end(operator: Operator) -> None:
    operator.start("demo")
    assert operator.get("/healthz") == (200, b'{"status":"ok"}')
    assert operator.ready()["parts"] == {"database": True, "media": True}
    assert len(operator.media_pids()) == 1
    document = json.loads(operator.get("/api/openapi.json")[1])
    assert "/api/v1/session" in document["paths"]
    assert operator.signal(signal.SIGTERM) == 0
    assert gone(operator)
    assert "Traceback" not in (operator.folder / "log").read_text()


def test_a_restart_of_the_web_side_keeps_the_media_node(operator: Operator) -> None:
    operator.start("demo")
    operator.ready()
    before = operator.media_pids()
    assert operator.process is not None
    operator.process.send_signal(signal.SIGHUP)
    for _ in range(400):
        if "starting anew" in (operator.folder / "log").read_text():
            break
        time.sleep(0.05)
    for _ in range(400):
        try:
            operator.ready()
            break
        except (OSError, AssertionError):
            time.sleep(0.05)
    assert operator.media_pids() == before
    operator.process.kill()
    operator.process.wait(10)
    assert operator.media_pids() == before
    operator.start("demo")
    operator.ready()
    assert operator.media_pids() == before
    assert operator.signal(signal.SIGTERM) == 0
    assert gone(operator)


def test_several_media_nodes_start_stay_and_end_together(operator: Operator) -> None:
    operator.environ["GIAOBAN_MEDIA_NODES"] = "2"
    operator.start("demo")
    states = [(node["node"], node["state"]) for node in operator.all_nodes(2)]
    assert states == [(1, "ready"), (2, "ready")]
    before = operator.media_pids()
    assert operator.process is not None
    operator.process.send_signal(signal.SIGHUP)
    until(lambda: "starting anew" in (operator.folder / "log").read_text())
    operator.all_nodes(2)
    assert sorted(operator.media_pids()) == sorted(before)
    copy = operator.folder / "copy"
    assert operator.giaoban("backup", str(copy)).returncode == 0
    assert [path.name for path in copy.rglob("media*")] == []
    operator.environ["GIAOBAN_MEDIA_NODES"] = "1"
    operator.process.kill()
    operator.process.wait(10)
    operator.start("demo")
    assert [node["node"] for node in operator.all_nodes(1)] == [1]
    until(lambda: len(operator.media_pids()) == 1)
    assert operator.signal(signal.SIGTERM) == 0
    assert gone(operator)
    assert "Traceback" not in (operator.folder / "log").read_text()


def test_https_with_a_certificate_of_our_own(operator: Operator) -> None:
    operator.start("demo", "--tls", scheme="https")
    assert operator.get("/healthz", "https")[0] == 200
    assert f"https://127.0.0.1:{operator.port}" in (operator.folder / "log").read_text()


def test_wrong_settings_and_wrong_use_say_what_is_wrong(operator: Operator) -> None:
    operator.environ["GIAOBAN_HTTP_PRT"] = "1"
    wrong = operator.giaoban("serve")
    assert (wrong.returncode, "GIAOBAN_HTTP_PRT" in wrong.stderr) == (2, True)
    assert operator.giaoban("no-such-command").returncode == 2
    assert operator.giaoban("--version").returncode == 0
    help_text = operator.giaoban("--help").stdout
    for command in ("serve", "demo", "migrate", "account", "units", "records", "backup", "restore"):
        assert command in help_text


def test_backup_and_restore(operator: Operator) -> None:
    operator.start("demo")
    copy = operator.folder / "copy"
    done = operator.giaoban("backup", str(copy))
    assert done.returncode == 0, done.stderr
    assert operator.signal(signal.SIGTERM) == 0
    assert operator.giaoban("restore", str(copy)).returncode == 1  # refuses to replace without --force
    (operator.folder / "giaoban.db").unlink()
    restored = operator.giaoban("restore", str(copy))
    assert restored.returncode == 0, restored.stderr
    operator.start("serve")
    body = json.dumps({"username": "chutich", "password": "giaoban"}).encode()
    ask = urllib.request.Request(
        f"http://127.0.0.1:{operator.port}/api/v1/session", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(ask, timeout=10) as answer:
        assert json.load(answer)["token"]
    manifest = json.loads((copy / "manifest.json").read_text())
    damaged = next(iter(manifest["sha256"]))
    (copy / damaged).write_bytes(b"damaged")
    assert "hỏng" in operator.giaoban("restore", str(copy), "--force").stderr
