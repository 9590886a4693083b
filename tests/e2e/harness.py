"""The whole application for browser tests: the demo district on free ports in a folder of its own, and pages signed in.

with running(tmp_path) as app, chromium() as browser:
    page = app.page(browser, "chutich", "/meetings")
    app.kill_control(); app.start()          # kill -9 of the control process, and a new one
    app.kill_media()                         # kill -9 of the media node; control starts a new one
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, Page, expect, sync_playwright

from server.accounts import demo
from server.config import ROOT
from server.store import Store, schema
from server.store.migrate import migrate
from server.units.import_ import import_tree, read_district
from tests import witness

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
    "--allow-loopback-in-peer-connection",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
]
SERVED_FILE = re.compile(r"^.* GET /(?:static|vendor)/\S+ (?:200|304) .*\n", re.MULTILINE)
T = TypeVar("T")
expect.set_options(timeout=15_000)  # Playwright's own 5 s are short where two processes share the machine


def free_port() -> int:
    """A TCP port that nobody uses now, below those that the kernel gives to everybody who asks for any."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(condition: Callable[[], T | None], seconds: float = 15, what: str = "") -> T:
    """Ask again and again until the answer is true; gives it. Fails with `what` and the last answer."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what or condition} (last: {found!r})")
        time.sleep(0.05)


@cache
def _seeded() -> bytes:
    """A database file with the demo tree and its people, made once for all servers of a test process."""
    assert schema.metadata.tables
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/giaoban.db")
        migrate(store.engine)
        store.create_schema()
        district = read_district(ROOT / "config" / "districts" / "camlo.toml")
        store.write_now(import_tree, district)
        store.write_now(demo.seed, district, demo.DEFAULT_PASSWORD)
        store.close()
        return Path(folder, "giaoban.db").read_bytes()


class App:
    """The server as processes; `url` stays the same over restarts."""

    command: tuple[str, ...] = ("-m", "server", "serve")
    prefix: tuple[str, ...] = ()
    """What the control process is started by, such as a tool that records it."""

    def __init__(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        nodes: int = 1,
        telephone: int = 0,
        trunk: str = "",
        line: str = "",
    ) -> None:
        self.folder, self.address, self.telephone_port = folder, address, telephone
        self.port = free_port()
        self.url = f"http://{address}:{self.port}"
        self.socket = folder / "media.sock"
        self.control: subprocess.Popen[bytes] | None = None
        self._witnesses = (
            witness.add(lambda: f"server {self.url}", lambda: SERVED_FILE.sub("", self.log())),
            witness.add(lambda: f"media nodes of {self.url}", self.media_log),
        )
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GIAOBAN_")},
            "GIAOBAN_HTTP_HOST": address,
            "GIAOBAN_HTTP_PORT": str(self.port),
            "GIAOBAN_DATABASE_URL": f"sqlite:///{folder}/giaoban.db",
            "GIAOBAN_STORAGE_DATA": str(folder / "data"),
            "GIAOBAN_STORAGE_RECORDINGS": str(folder / "recordings"),
            "GIAOBAN_STORAGE_FREE_SPACE_MB": "1",
            "GIAOBAN_MEDIA_NODES": str(nodes),
            "GIAOBAN_MEDIA_SOCKET": str(self.socket),
            "GIAOBAN_MEDIA_UDP_PORT": "0",
            "GIAOBAN_MEDIA_ADDRESSES": address,
            "GIAOBAN_ACCESS_REQUESTS_PER_MINUTE": "100000",
        }
        if telephone:
            first = 20_000 + 200 * secrets.randbelow(50)
            self.environment |= {
                "GIAOBAN_TELEPHONE_ADDRESS": line or address,
                "GIAOBAN_TELEPHONE_HOST": line or address,
                "GIAOBAN_TELEPHONE_UDP_PORT": str(telephone),
                "GIAOBAN_TELEPHONE_TCP_PORT": str(telephone),
                "GIAOBAN_TELEPHONE_TRUNKS": trunk.partition(":")[0] or address,
                "GIAOBAN_TELEPHONE_TRUNK": trunk,
                "GIAOBAN_TELEPHONE_FIRST_RTP_PORT": str(first),
                "GIAOBAN_TELEPHONE_LAST_RTP_PORT": str(first + 199),
            }

    # ---- processes

    def seed(self) -> None:
        """The demo tree and its people; nothing else."""
        (self.folder / "giaoban.db").write_bytes(_seeded())

    def start(self) -> None:
        """Start the control process and wait until all its parts are ready."""
        self._witnesses_over(False)
        log = (self.folder / "control.log").open("ab")
        self.control = subprocess.Popen(
            [*self.prefix, sys.executable, *self.command], cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )
        log.close()
        until(self.ready, 60, "the server is ready")

    def ready(self) -> bool:
        """Whether /readyz says so, of each media node too; fails at once when the process has ended."""
        if self.control is not None and self.control.poll() is not None:
            raise AssertionError(f"the server ended:\n{self.log()}")
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as reply:
                found = json.load(reply)
        except OSError:
            return False
        return bool(found["ready"]) and all(node["state"] != "away" for node in found["details"].get("media", []))

    def stop(self) -> None:
        """End both processes cleanly; what is left is killed. Raises TimeoutExpired where the server does not end."""
        self._witnesses_over(True)
        try:
            if self.control is not None and self.control.poll() is None:
                self.control.terminate()
                self.control.wait(15)
        except subprocess.TimeoutExpired:
            self.control.kill()
            self.control.wait()
            raise
        finally:
            for pid in self.media_pids():
                os.kill(pid, signal.SIGKILL)

    def _witnesses_over(self, over: bool) -> None:
        for one in self._witnesses:
            one.over = over

    def kill_control(self) -> None:
        """kill -9 of the control process; the media node goes on."""
        assert self.control is not None
        self.control.kill()
        self.control.wait()

    def kill_media(self) -> int:
        """kill -9 of the media node; gives its process id."""
        (pid,) = self.media_pids()
        os.kill(pid, signal.SIGKILL)
        return pid

    def media_pids(self) -> list[int]:
        """The media nodes of this application, found by their sockets; by number."""
        found = {}
        sockets = str(self.socket.with_suffix("")).encode()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"server.media.node" in words:
                found |= {word: int(path.name) for word in words if word.startswith(sockets)}
        return [found[name] for name in sorted(found, key=lambda name: (len(name), name))]

    def log(self) -> str:
        """What the control process has said."""
        return (self.folder / "control.log").read_text("utf-8", "replace")

    def media_log(self) -> str:
        """What the media nodes have said."""
        files = sorted((self.folder / "data").glob("media*.log"))
        return "".join(file.read_text("utf-8", "replace") for file in files)

    # ---- people

    def token(self, username: str) -> str:
        """Sign in as a program."""
        body = json.dumps({"username": username, "password": demo.DEFAULT_PASSWORD}).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/session", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return str(json.load(reply)["token"])

    def call(self, token: str, method: str, path: str, body: Any = None) -> Any:
        """One API call; gives the decoded answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        data = None if body is None and method in ("GET", "DELETE") else json.dumps(body or {}).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=15) as reply:
            return json.load(reply)

    def page(
        self,
        browser: Browser,
        username: str,
        path: str = "/",
        *,
        width: int = 640,
        height: int = 480,
        script: str = "",
        devices: Sequence[str] = ("camera", "microphone"),
        url: str = "",
        **options: Any,
    ) -> Page:
        """A page in a context of its own, signed in; an error in its scripts is kept in `page.errors`.

        `script` runs before the page's own scripts; `devices` are those that the person lets the browser use; `url` is
        that of a front before the application.
        """
        url = url or self.url
        options.setdefault("service_workers", "block")  # a request that it makes is not seen by page.route
        context = browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN", **options)
        context.grant_permissions(list(devices), origin=url)
        answer = context.request.post(
            f"{url}/api/v1/session", data={"username": username, "password": demo.DEFAULT_PASSWORD}
        )
        assert answer.ok, answer.text()
        if script:
            context.add_init_script(script)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.errors = errors  # type: ignore[attr-defined]
        page.goto(f"{url}{path}")
        return page


@contextmanager
def running(
    folder: Path,
    address: str = "127.0.0.1",
    nodes: int = 1,
    telephone: int = 0,
    trunk: str = "",
    line: str = "",
    settings: Mapping[str, str] | None = None,
) -> Iterator[App]:
    """The application, seeded and started; ended afterwards.

    With SIP on the port `telephone` if there is one, at the address `line` if it is another, calling by `trunk`.
    `settings` are more of the environment's, without `GIAOBAN_`.
    """
    app = App(folder, address, nodes, telephone, trunk, line)
    app.environment |= {f"GIAOBAN_{name}": value for name, value in (settings or {}).items()}
    app.seed()
    try:
        app.start()
        yield app
    finally:
        app.stop()


@contextmanager
def chromium(*flags: str, wrapper: list[str] | None = None) -> Iterator[Browser]:
    """The real browser with fake devices; `wrapper` is a script that starts it elsewhere (another network)."""
    with sync_playwright() as playwright:
        program = wrapper[0] if wrapper else CHROMIUM
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        witness.watch(browser)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium_beside(
    browser: Browser, *flags: str, without: Sequence[str] = (), program: str = CHROMIUM
) -> Iterator[Browser]:
    """One more, started as `browser` was (or by a `program` that starts it elsewhere), with other flags."""
    kept = [flag for flag in FLAGS if flag not in without]
    other = browser.browser_type.launch(executable_path=program, args=[*kept, *flags])
    witness.watch(other)
    try:
        yield other
    finally:
        other.close()
