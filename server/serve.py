"""`giaoban serve`, `demo` and `migrate`: the control process from start to a clean end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import ssl
import sys
from pathlib import Path

import segno
from aiohttp import web

from server import certificate, config, faults, logs
from server.app import make_app
from server.channel import CHANNEL
from server.config import ConfigError, Settings
from server.demo import seed_demo
from server.meetings.conductor import CONDUCTOR
from server.meetings.link import KEEP_MEDIA
from server.store import Store
from server.store.migrate import migrate

log = logging.getLogger("giaoban")
GOODBYE_SECONDS = 0.3


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `serve`, `demo` and `migrate`."""
    serve = commands.add_parser("serve", help="serve pages, API and meetings until SIGTERM")
    serve.add_argument("--tls", action="store_true", help="serve HTTPS; make a certificate if none is configured")
    serve.set_defaults(run=run_serve)
    demo = commands.add_parser("demo", help="as serve, with the demo district and its well-known password")
    demo.add_argument("--tls", action="store_true", help="serve HTTPS, so that phones on this network can join")
    demo.set_defaults(run=run_demo)
    migration = commands.add_parser("migrate", help="bring the database to the newest schema")
    migration.set_defaults(run=run_migrate)


def open_store(settings: Settings) -> Store:
    """The store of the settings; the folder of a SQLite file is made."""
    for folder in (settings.storage.data, settings.storage.recordings):
        settings.path(folder).mkdir(parents=True, exist_ok=True)
    return Store(settings.database_url())


def run_migrate(_options: argparse.Namespace) -> int:
    """Migrate and say so."""
    settings = config.load()
    logs.set_up(settings.log_level)
    store = open_store(settings)
    migrate(store.engine)
    store.close()
    print("The database has the newest schema.", file=sys.stderr)
    return 0


def run_serve(options: argparse.Namespace) -> int:
    """Migrate, serve, end cleanly."""
    return _run(config.load(), tls=options.tls)


def run_demo(options: argparse.Namespace) -> int:
    """Serve with the demo district; it is seeded at the first start."""
    return _run(config.load(environ={**os.environ, "GIAOBAN_DEMO": "true"}), tls=options.tls)


def _run(settings: Settings, *, tls: bool) -> int:
    if faults.VARIABLE in os.environ and not settings.demo:
        raise ConfigError(f"{faults.VARIABLE} is for tests: it ends the server, and is taken in a demonstration only")
    logs.set_up(settings.log_level)
    store = open_store(settings)
    migrate(store.engine)
    if settings.demo:
        seed_demo(store, settings)
    restart = asyncio.run(_serve(settings, store, tls=tls))
    if restart:
        log.info("starting anew; meetings go on")
        os.execv(sys.executable, [sys.executable, "-m", "server", *sys.argv[1:]])  # noqa: S606 - ourselves
    return 0


def _tls_context(settings: Settings) -> ssl.SSLContext:
    given = settings.http.tls_certificate, settings.http.tls_key
    if all(given):
        chain, key = Path(given[0]), Path(given[1])
    else:
        chain, key = certificate.own_certificate(settings.path(settings.storage.data), settings.media.addresses)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context


def _print_address(settings: Settings, *, tls: bool) -> None:
    url = settings.url(tls=tls)
    print(f"\nGiao Ban: {url}", flush=True)
    if settings.demo:
        print("Demo: chutich / vanthu / camthuy / thon1.camthuy / quantri", flush=True)
    if tls:
        segno.make(url).terminal(compact=True)
    sys.stdout.flush()


async def _serve(settings: Settings, store: Store, *, tls: bool) -> bool:
    """Serve until a signal; True if the process shall start anew (SIGHUP) with the media node left running."""
    app = make_app(settings, store)
    app[KEEP_MEDIA] = asyncio.Event()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3)
    await runner.setup()
    context = _tls_context(settings) if tls or settings.http.tls_certificate else None
    site = web.TCPSite(runner, settings.http.host, settings.http.port, ssl_context=context, backlog=1024)
    await site.start()
    _print_address(settings, tls=context is not None)
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked at again (DESIGN, The channel)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)

    def restart() -> None:
        app[KEEP_MEDIA].set()
        stop.set()

    loop.add_signal_handler(signal.SIGHUP, restart)
    await stop.wait()
    log.info("stopping")
    if not app[KEEP_MEDIA].is_set():
        app[CONDUCTOR].pool.rest()
    await app[CHANNEL].say_goodbye()
    await asyncio.sleep(GOODBYE_SECONDS)
    await app[CHANNEL].let_go()
    await runner.cleanup()
    return app[KEEP_MEDIA].is_set()
