"""What browser tests ask of a page in the room."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, Page

from server.accounts import service as accounts
from server.store import Store
from tests.e2e.harness import App, until

PEOPLE = ("chutich", "camthuy", "thon1.camthuy")
_FIGURES = """async () => {
  const room = document.querySelector('[data-room]').room;
  const { inbound, outbound } = await room.session.connection.figures();
  const people = [...room.state.people.values()];
  const bySlot = [...room.grid.slots].map(([key, slot]) => [key, room.session.connection.slots.get(slot)?.id]);
  const video = {};
  for (const [key, track] of bySlot) {
    const item = inbound.find((one) => one.kind === 'video' && one.trackIdentifier === track);
    const element = room.grid.tiles.get(key)?.querySelector('video');
    video[key] = { frames: item?.framesDecoded ?? 0, width: item?.frameWidth ?? 0, height: item?.frameHeight ?? 0,
      shown: element?.videoWidth ?? 0, freezes: item?.freezeCount ?? 0 };
  }
  const voices = inbound.filter((one) => one.kind === 'audio');
  const energy = Object.fromEntries(voices.map((one) => [one.mid, one.totalAudioEnergy ?? 0]));
  return { phase: room.session.phase, media: room.session.connection.pc.connectionState, me: room.state.me,
    session: room.session.session, video, energy,
    sent: outbound.filter((one) => one.framesEncoded).map((one) => [one.rid, one.framesEncoded, one.frameWidth]),
    people: people.map((one) => [one.id, one.name, one.present, one.link]),
    joined: Number(document.querySelector('[data-room]').dataset.joined ?? 0) };
}"""

_CONNECTED = """() => {
  const session = document.querySelector('[data-room]')?.room?.session;
  return session?.phase === 'inside' && session.connection.pc.connectionState === 'connected';
}"""


def figures(page: Page) -> dict[str, Any]:
    """What a page in the room receives and sends, and whom it shows."""
    found: dict[str, Any] = page.evaluate(_FIGURES)
    return found


def start_meeting(app: App, title: str = "Giao ban", **plan: Any) -> int:
    """A running meeting of the whole district, the leader in the chair."""
    token = app.token("chutich")
    units = [unit["id"] for unit in app.call(token, "GET", "/api/v1/units")["units"]]
    return int(app.call(token, "POST", "/api/v1/meetings", {"title": title, "units": units, **plan})["id"])


def appoint(app: App, meeting_id: int, username: str) -> None:
    """The chair makes somebody the secretary of a meeting."""
    found = app.call(app.token("chutich"), "GET", f"/api/v1/meetings/{meeting_id}")["candidates"]
    store = Store(f"sqlite:///{app.folder}/giaoban.db")
    who = store.read_now(accounts.principal_of, username)
    store.close()
    assert who.account_id in {one["account"] for one in found}
    body = {"account": who.account_id}
    app.call(app.token("chutich"), "PUT", f"/api/v1/meetings/{meeting_id}/secretary", body)


def enter(app: App, browser: Browser, meeting: int, username: str, **options: Any) -> Page:
    """A page that went through the device check into the room, its media connected."""
    page = app.page(browser, username, f"/meetings/{meeting}/check", **options)
    page.wait_for_selector("[data-door][data-ready]")
    page.locator("[data-check] [data-action=camera][aria-pressed=true]").wait_for()
    page.click("[data-action=join]")
    wait_connected(page)
    return page


def wait_connected(page: Page, seconds: float = 25) -> None:
    """Until the page is in the room with its media connected."""
    until(lambda: page.evaluate(_CONNECTED), seconds, "connected in the room")


def sees(page: Page, participant: int, kind: str = "camera", seconds: float = 20) -> dict[str, Any]:
    """Wait until fresh frames of a participant arrive and are shown at their size; gives that picture's figures."""
    key = f"{participant}/{kind}"
    before = figures(page)["video"].get(key, {"frames": 0})["frames"]

    def fresh() -> dict[str, Any] | None:
        found = figures(page)["video"].get(key)
        fresh = found and found["frames"] >= before + 5 and found["width"] > 0
        return found if fresh and found["shown"] == found["width"] else None  # else the layer changes right now

    found = until(fresh, seconds, f"frames of {key}")
    assert found is not None
    return found


def hears(page: Page, voices: int, seconds: float = 20) -> None:
    """Wait until as many audio slots gain energy."""
    before = figures(page)["energy"]

    def louder() -> bool:
        now = figures(page)["energy"]
        return sum(now[mid] > before.get(mid, 0) + 1e-4 for mid in now) >= voices

    until(louder, seconds, f"{voices} voices")


def silent(page: Page, seconds: float = 2) -> bool:
    """Whether no audio slot gains energy for a while."""
    page.wait_for_timeout(700)  # what is on its way may still arrive
    before = sum(figures(page)["energy"].values())
    page.wait_for_timeout(1000 * seconds)
    return sum(figures(page)["energy"].values()) - before < 1e-3


def action(page: Page, name: str) -> None:
    """Press a button of the room."""
    page.locator(f".room [data-action={name}]:visible").first.click()


def pressed(page: Page, name: str) -> bool:
    """Whether a switch of the bar is on."""
    return page.locator(f".bar [data-action={name}]").get_attribute("aria-pressed") == "true"


def says(page: Page, words: str) -> None:
    """Wait until the line with the own state says so."""
    until(lambda: words in page.inner_text("[data-own-state]"), what=words)
