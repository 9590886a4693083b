// The side panel: opened from the top or by the chair's strip, closed by its cross or Escape. The focus goes in and comes back.

import { selectTab } from "../tabs.js";

const SHEET = matchMedia("(max-width: 899.98px)"); // as in room.css: it covers the foot, which then is out of reach

/** The panel of a room. */
export class Panel {
  constructor(room) {
    this.room = room;
    this.element = room.querySelector(".room-panel");
    this.button = room.querySelector("[data-action=panel]");
    this.from = this.button;
    this.button.addEventListener("click", () => { if (this.isOpen) this.close(); else this.open(); });
    room.querySelector("[data-action=panel-close]").addEventListener("click", () => this.close());
    this.element.addEventListener("keydown", (event) => { if (event.key === "Escape") this.close(); });
    SHEET.addEventListener("change", () => this.#show());
  }

  get isOpen() {
    return this.room.dataset.panel === "open";
  }

  /** Opens it, at one of its parts if that is named. */
  open(name = "") {
    if (!this.element.contains(document.activeElement)) this.from = document.activeElement;
    this.room.dataset.panel = "open";
    this.#show();
    const tab = this.element.querySelector(name ? `#tab-${name}` : "[aria-selected=true]");
    selectTab(tab);
    tab.focus();
  }

  /** Closes it; the focus goes back to where it was opened from. */
  close() {
    this.room.dataset.panel = "closed";
    this.#show();
    (this.from.isConnected && this.from !== document.body ? this.from : this.button).focus();
  }

  /** Takes the focus that a line has lost because it went away. */
  catchFocus() {
    if (this.isOpen && document.activeElement === document.body) this.element.querySelector("[aria-selected=true]").focus();
  }

  #show() {
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    this.room.querySelector(".room-foot").inert = this.isOpen && SHEET.matches;
  }
}
