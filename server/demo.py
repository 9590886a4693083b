"""The demo district: real communes, made-up villages and people, directives in several states, one finished meeting."""

from __future__ import annotations

import logging
import time
from zoneinfo import ZoneInfo

from server.accounts import demo as accounts
from server.config import ROOT, Settings
from server.directives import demo as directives
from server.directives.policy import load_policy
from server.records import demo as records
from server.store import Store
from server.units.import_ import import_tree, read_district

log = logging.getLogger("giaoban.demo")
DISTRICT = ROOT / "config" / "districts" / "camlo.toml"


def seed_demo(store: Store, settings: Settings) -> None:
    """Add what is missing; a second start changes nothing. Raises NotAllowedError outside demo mode."""
    password = accounts.demo_password(settings)
    begin = time.monotonic()
    if store.read_now(directives.is_seeded):
        return
    district = read_district(DISTRICT)
    store.write_now(import_tree, district)
    store.write_now(accounts.seed, district, password)
    store.write_now(records.seed, settings.path(settings.storage.recordings))
    policy = load_policy(ROOT / "config", ZoneInfo(settings.timezone), settings.http.upload_limit_mb << 20)
    store.write_now(directives.seed, policy)  # last: its presence says that the seeding was completed
    log.info("seeded the demo district in %.1f s", time.monotonic() - begin)
