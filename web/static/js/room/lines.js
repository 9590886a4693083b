// The chair's board of lines (Đường truyền): one word a person and what the line carries, in the server's order, the weakest
// first; figures unfold. Asked for only while open.

import { send } from "../channel.js";
import { clone, fill } from "../clone.js";
import { number, word } from "../page.js";

const text = (name, fields) => word(name, fields, "room-texts");
const EVERY_MS = 3000;
const known = (value, show) => (value === null || value === undefined ? "–" : show(value));
const part = (name, value, show = number) => (value === null || value === undefined ? "" : text(name, { value: show(value) }));
const parts = (...known) => known.filter(Boolean).join(", ") || "–";
const percent = (share) => `${number(Math.round(share * 1000) / 10)} %`;
const capital = (name) => `${name[0].toUpperCase()}${name.slice(1)}`;
const CAPS = { "-1": "capStill", 0: "capLeast", 1: "capLess" }; // of 2, all of a picture's movement, nothing is said
const size = ({ kind, width, height, cap }) => `${kind === "screen" ? "▣ " : ""}${width}×${height}${cap in CAPS ? ` ${text(CAPS[cap])}` : ""}`;
const most = (...values) => values.filter((value) => value !== null).reduce((one, other) => Math.max(one, other), null);
const sizes = (layers) => layers.map(size).join(", ") || "–";

/** The word, and what is behind it: of a browser what it gets, of a telephone whether its sound arrives. */
function words({ quality, rung, sound }) {
  if (sound) return { word: text(`line${capital(sound === "missing" ? sound : quality)}`), rung: text(`sound${capital(sound)}`) };
  return { word: text(`line${capital(quality)}`), rung: quality === "lost" ? "" : text(`gets${capital(rung)}`) };
}

/** Keeps the list of the tab; a room without the tab has none. */
export class Lines {
  constructor(room, state, meeting) {
    Object.assign(this, { room, state, meeting });
    this.list = room.querySelector("[data-list=lines]");
    if (!this.list) return;
    this.rows = new Map();
    this.asking = false;
    room.querySelector("#tab-lines").addEventListener("click", () => this.#ask());
    setInterval(() => this.#ask(), EVERY_MS);
  }

  get #open() {
    return this.room.dataset.panel === "open" && !this.room.querySelector("#part-lines").hidden && !document.hidden;
  }

  async #ask() {
    await Promise.resolve(); // the click that opens the tab is heard here first
    if (!this.#open || this.asking) return;
    this.asking = true;
    try {
      const { lines } = await send("meeting.stats", { meeting: this.meeting });
      this.show(lines);
    } catch (error) {
      console.info("no figures of lines:", error.code);
    } finally {
      this.asking = false;
    }
  }

  /** Shows these, in their order. */
  show(lines) {
    const rows = lines.map((line) => this.#row(line));
    this.rows = new Map(rows.map((row) => [Number(row.dataset.participant), row]));
    if (rows.some((row, place) => this.list.children[place] !== row) || this.list.children.length !== rows.length) this.list.replaceChildren(...rows);
  }

  #row(line) {
    const person = this.state.people.get(line.participant);
    const row = this.rows.get(line.participant) ?? clone("line-row", {}, { participant: String(line.participant) });
    row.dataset.quality = line.quality;
    if (line.sound) row.dataset.sound = line.sound; // by telephone
    else delete row.dataset.sound;
    const rate = (rates, loss) => parts(part("lineRate", rates), part("lineLoss", loss, percent));
    fill(row, {
      unit: person?.unit_name ?? "", person: person?.name ?? "",
      ...words(line),
      up: rate(line.kbps_up, line.loss_up), down: rate(line.kbps_down, line.loss_down),
      carries: text("lineCarries", { estimate: known(line.estimate_kbps, number) }),
      trip: parts(part("lineTrip", line.rtt_ms), part("lineJitter", most(line.jitter_up_ms, line.jitter_down_ms)), part("lineQueue", line.queue_ms)),
      sent: sizes(line.sent), shown: sizes(line.shown),
      still: text("lineStill", { freezes: known(line.freezes, number), seconds: known(line.frozen_s, number), concealed: known(line.concealed, percent) }),
      machine: text("lineMachine", { cpu: known(line.cpu, percent), short: known(line.cpu_short, percent) }),
    });
    return row;
  }
}
