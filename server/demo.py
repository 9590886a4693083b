"""The demo district: real communes, made-up villages and people, directives in several states, one finished meeting."""

from __future__ import annotations

import logging
import time
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from server.accounts import demo as accounts
from server.config import ROOT, Settings
from server.directives import demo as directives
from server.directives.policy import Policy, load_policy
from server.directives.shapes import Upload
from server.store import Store, Transaction
from server.store.files import FileStore
from server.units.import_ import District, import_tree, read_district

log = logging.getLogger("giaoban.demo")
DISTRICT = ROOT / "config" / "districts" / "camlo.toml"


def seed_demo(store: Store, settings: Settings) -> None:
    """Add the district to an empty database; else do nothing. Raises NotAllowedError outside demo mode."""
    password = accounts.demo_password(settings)
    if store.read_now(directives.is_seeded):
        return
    begin = time.monotonic()
    policy = load_policy(ROOT / "config", ZoneInfo(settings.timezone), settings.http.upload_limit_mb << 20)
    recordings, papers = settings.path(settings.storage.recordings), _papers(settings)
    store.write_now(_seed, read_district(DISTRICT), password, recordings, policy, papers)
    log.info("seeded the demo district in %.1f s", time.monotonic() - begin)


def _papers(settings: Settings) -> list[Upload]:
    """The files that go with directives, stored."""
    from server.directives import demo_paper  # reportlab: only the first start waits for it

    stored = FileStore(settings.path(settings.storage.data) / "files").put(BytesIO(demo_paper.appendix()), 1 << 20)
    return [Upload(name=demo_paper.NAME, content_type="application/pdf", size=stored.size, sha256=stored.sha256)]


def _seed(
    tx: Transaction, district: District, password: str, recordings: Path, policy: Policy, papers: list[Upload]
) -> None:
    """All in one transaction: a start that is broken off leaves nothing half."""
    from server.records import demo as records  # encoders and numpy: only the first start waits for them

    import_tree(tx, district)
    accounts.seed(tx, district, password)
    records.seed(tx, recordings)
    directives.seed(tx, policy, papers)
