"""A page worked with the keyboard alone: where the focus stands, and that a person sees it."""

from __future__ import annotations

from typing import NamedTuple

from playwright.sync_api import Page

_MOST_STOPS = 80
_FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const drawn = at.matches('.row-title') ? at.closest('.row') : at.matches('.card input') ? at.closest('.card') : at;
  const style = getComputedStyle(drawn);
  const box = at.getBoundingClientRect();
  const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const words = at.getAttribute('aria-label') || at.labels?.[0]?.textContent || at.textContent || at.name || '';
  return {
    words: words.trim().replace(/\\s+/g, ' '), action: at.dataset.action ?? '', id: at.id,
    seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    clear: over !== null && (at === over || at.contains(over) || over.contains(at)),
  };
}"""


class Stop(NamedTuple):
    """An element with the focus. `seen`: it has a ring of 2 px and more; `clear`: nothing lies over it."""

    words: str
    action: str
    id: str
    seen: bool
    clear: bool


def focus(page: Page) -> Stop | None:
    """What has the focus; None when the page itself has it."""
    found = page.evaluate(_FOCUS)
    return Stop(**found) if found else None


def tab_to(page: Page, wanted: str, *, back: bool = False) -> list[Stop]:
    """Press Tab until the focus stands on an action, an id or exactly these words; gives the stops on the way.

    Every stop must be seen: a ring, and nothing over it.
    """
    stops: list[Stop] = []
    for _press in range(_MOST_STOPS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        stop = focus(page)
        if stop is None:
            continue
        assert stop.seen, f"no ring around {stop}"
        assert stop.clear, f"something lies over {stop}"
        stops.append(stop)
        if wanted in (stop.action, stop.id, stop.words):
            return stops
    raise AssertionError(f"Tab does not reach {wanted}, only {[stop.words for stop in stops]}")
