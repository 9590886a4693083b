"""Directives for browser tests: issued over the API, and how a recipient stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from server.store import Store
from server.units.service import by_code
from tests.e2e.harness import App

PLAYS = """async () => {
  const sound = document.querySelector('audio');
  sound.muted = true;
  await sound.play();
  await new Promise((done) => sound.addEventListener('timeupdate', () => { if (sound.currentTime > 0.5) done(); }));
  return sound.error;
}"""
"""Plays the sound of a page for half a second; its error, if there is one."""


def unit_of(app: App, code: str) -> int:
    """The id of a unit."""
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    unit = store.read_now(by_code, code)
    store.close()
    assert unit is not None
    return unit.id


def issue_to(app: App, village: str, **changes: Any) -> tuple[int, int]:
    """The commune sends a village (its code) a flash telegram; its id and that of the delivery."""
    body = {
        "kind": "Công điện",
        "subject": "Trực bão",
        "urgency": "FLASH",
        "deadline": (datetime.now(UTC) + timedelta(days=3)).isoformat(),
        "recipients": [{"unit": unit_of(app, village)}],
    }
    leader = app.token("chutich.camthuy")
    directive = int(app.call(leader, "POST", "/api/v1/directives?issue=true", body | changes)["id"])
    (delivery,) = app.call(leader, "GET", f"/api/v1/directives/{directive}")["board"]
    return directive, int(delivery["id"])


def delivery_of(app: App, clerk: str, delivery: int) -> dict[str, Any]:
    """A delivery as the issuer's clerk (by token) sees it."""
    found: dict[str, Any] = app.call(clerk, "GET", f"/api/v1/deliveries/{delivery}")["delivery"]
    return found
