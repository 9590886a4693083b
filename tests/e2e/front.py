"""The server's side of 443 as docker-compose.yml runs it: the door (HAProxy), the pages' TLS front (Caddy), and coturn.

Each runs its file of config/deploy with the environment that docker-compose.yml gives it. Only what differs on a
machine without containers is replaced: addresses, free ports, and Let's Encrypt by an authority of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from server.accounts import demo
from server.config import ROOT
from tests.e2e import compose
from tests.e2e.harness import App, free_port, until
from tests.e2e.relay import relay

DEPLOY = ROOT / "config" / "deploy"
DOMAIN = "giaoban.test"


def environment_of(service: str, **filled_in: str) -> dict[str, str]:
    """What docker-compose.yml gives a service of one server alone."""
    settings = compose.example(**compose.FILLED_IN) | {"GIAOBAN_DOMAIN": DOMAIN, "COMPOSE_PROFILES": ""} | filled_in
    given: dict[str, str] = compose.services(settings)[service]["environment"]
    return given


@dataclass(frozen=True)
class Front:
    """All that a browser reaches: `url` of the pages, the `names` it must find, `root` of the certificates."""

    url: str
    names: tuple[str, ...]
    root: Path

    def page(
        self, browser: Browser, username: str, path: str = "/", *, width: int = 640, height: int = 480, **options: Any
    ) -> Page:
        """A page signed in as people do it, in a context of its own; see `App.page`."""
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="vi-VN", service_workers="block", **options
        )
        context.grant_permissions(["camera", "microphone"], origin=self.url)
        page = context.new_page()
        page.goto(f"{self.url}/sign-in")
        page.fill("[name=username]", username)
        page.fill("[name=password]", demo.DEFAULT_PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(f"{self.url}{path}")
        return page


@contextmanager
def caddy(folder: Path, environment: dict[str, str], port: int) -> Iterator[None]:
    """The pages' front by its Caddyfile, on this port for HTTPS, with certificates of an authority of its own."""
    own = "\n".join(("local_certs", f"http_port {free_port()}", f"https_port {port}"))
    known = environment | {"CADDY_OPTIONS": own, "CADDY_DOOR": "127.0.0.0/8", "XDG_DATA_HOME": str(folder)}
    program = str(Path(sys.executable).with_name("caddy"))
    command = [program, "run", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    with _process(command, known, folder / "caddy.log"):
        yield


@contextmanager
def without_websockets(app: App, folder: Path) -> Iterator[str]:
    """A front before the application that lets no WebSocket through, as proxies of some offices; gives its address."""
    folder.mkdir()
    port = free_port()
    written = folder / "Caddyfile"
    written.write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"http://127.0.0.1:{port} {{\n @upgrade header Upgrade *\n respond @upgrade 403\n"
        f" reverse_proxy 127.0.0.1:{app.port}\n}}\n"
    )
    program = str(Path(sys.executable).with_name("caddy"))
    command = [program, "run", "--adapter", "caddyfile", "--config", str(written)]
    with _process(command, {"XDG_DATA_HOME": str(folder)}, folder / "caddy.log"):
        until(lambda: _open("127.0.0.1", port), 20, "the front is open")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def front(app: App, folder: Path, address: str) -> Iterator[Front]:
    """Door, pages' front and relay for an application that is not yet started, on 443 of `address`. Needs root."""
    folder.mkdir()
    https = free_port()
    certificates = f"{folder}/caddy/certificates/*/turn.{DOMAIN}/turn.{DOMAIN}"
    authority = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    app.environment |= {
        "GIAOBAN_HTTP_PUBLIC_URL": f"https://{DOMAIN}",
        "GIAOBAN_HTTP_TRUSTED_PROXIES": address,
    }
    server = f"{address}:{app.port}"
    pages = environment_of("front", GIAOBAN_SERVERS=server) | {"GIAOBAN_MEDIA_SERVER": server}
    with ExitStack() as stack:
        stack.enter_context(caddy(folder, pages, https))
        shared = {"TURN_PORT": "3478", "TURN_CERTIFICATE": f"{certificates}.crt", "TURN_KEY": f"{certificates}.key"}
        turn = stack.enter_context(relay(folder / "turn", address, **shared))
        given = environment_of("server", GIAOBAN_TURN_SECRET=turn.secret)
        app.environment |= {name: value for name, value in given.items() if name.startswith("GIAOBAN_TURN_")}
        door = environment_of("door") | {
            "FRONT_ADDRESS": address,
            "FRONT_PAGES": f"127.0.0.1:{https}",
            "FRONT_RELAY": f"{address}:{turn.tls_port}",
        }
        command = ["haproxy", "-db", "-f", str(DEPLOY / "haproxy.cfg")]
        stack.enter_context(_process(command, door, folder / "haproxy.log"))
        until(lambda: _open(address, 443) and _open("127.0.0.1", https), 20, "the door is open")
        yield Front(f"https://{DOMAIN}", (DOMAIN, f"turn.{DOMAIN}"), authority)


def trusting(root: Path, home: Path) -> dict[str, str]:
    """The environment of a browser that trusts this authority beside the world's: a home of its own with NSS's list."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "district", "-i", str(root)]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True, capture_output=True, text=True)
    return {"HOME": str(home)}


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env={"PATH": os.environ["PATH"], "HOME": str(log.parent), **environment}, stdout=file, stderr=file
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _open(address: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((address, port), timeout=1).close()
        return True
    return False
