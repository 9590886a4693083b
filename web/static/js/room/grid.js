// The stage: which pictures are shown, which of the connection's slots carries each, and how wide it is asked for.

import { send } from "../channel.js";
import { clone } from "../clone.js";
import { word } from "../page.js";

const MOST_TILES = 12;
const MOST_SLOTS = 12;
const WIDTH_STEP = 160;
const NARROWEST = 1.3; // of a tile that is filled by a 16:9 picture; at most a quarter is cut off
const WIDEST = 2.4;
const HOLD_MS = 2500; // who was just heard keeps the large place for so long
const HIDDEN_MS = 5000; // a page in the background gets no pictures after this time

export const initials = (name) => name.split(/\s+/).filter(Boolean).map((part) => part[0]).filter((_, n, all) => n === 0 || n === all.length - 1).join("").toUpperCase();

const keyOf = (source) => `${source.person.id}/${source.kind}`;

/** Shows `state` in `.grid` of the room, with tracks from `connection` and the own ones from `tracks`. */
export class Grid {
  constructor(room, state, tracks) {
    Object.assign(this, { room, state, tracks });
    this.box = room.querySelector(".grid");
    this.tiles = new Map(); // key → tile element
    this.slots = new Map(); // key → number of a slot
    this.paused = new Set(); // slots whose picture the link does not carry
    this.heard = new Map(); // participant → when last heard
    this.view = "grid";
    this.chosen = false; // the person has chosen a view: a shared screen no longer changes it
    this.main = null;
    this.connection = null;
    this.sent = "";
    this.hidden = false;
    this.timer = 0;
    state.addEventListener("change", () => this.show());
    state.addEventListener("speaking", () => this.#listen());
    new ResizeObserver(() => this.#ask()).observe(this.box);
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** A new connection: its slots carry nothing yet. */
  attach(connection) {
    this.connection = connection;
    this.slots.clear();
    this.paused.clear();
    this.sent = "";
    for (const tile of this.tiles.values()) tile.querySelector("video").srcObject = null;
    this.show();
  }

  /** These slots get no picture now: their tiles show the name instead of a picture that stands still. */
  setPaused(slots) {
    this.paused = new Set(slots);
    this.#pause();
  }

  #pause() {
    for (const [key, tile] of this.tiles) tile.toggleAttribute("data-paused", this.paused.has(this.slots.get(key)));
  }

  /** Shows all equally ("grid") or one large ("speaker"). */
  setView(view) {
    this.view = view;
    this.chosen = true;
    this.show();
  }

  /** Brings tiles, slots and wishes in line with the state. */
  show() {
    if (this.state.me === null) return;
    const sources = this.#sources();
    const keys = new Set(sources.map(keyOf));
    for (const [key, tile] of this.tiles) {
      if (keys.has(key)) continue;
      tile.remove();
      this.tiles.delete(key);
    }
    const sharing = sources.some((source) => source.kind === "screen");
    const view = sharing && !this.chosen ? "screen" : this.view;
    this.main = view === "grid" ? null : this.#mainOf(sources);
    this.#assign(sources);
    for (const [place, source] of sources.entries()) this.#showTile(source, place);
    this.#pause();
    this.box.dataset.count = String(sources.length);
    this.room.dataset.view = view;
    for (const name of ["grid", "speaker"]) {
      const pressed = name === "grid" ? view === "grid" : view !== "grid";
      this.room.querySelector(`[data-action=view-${name}]`).setAttribute("aria-pressed", String(pressed));
    }
    this.#ask();
  }

  /** What is worth a tile, in a steady order: shared screens, chair and floor, then who was heard, then pictures. */
  #sources() {
    const people = this.state.present();
    const screens = people.filter((person) => person.screen).map((person) => ({ person, kind: "screen" }));
    const room = MOST_TILES - screens.length;
    const rank = (person) => {
      if (person.id === this.state.me) return 1;
      if (person.floor || person.role === "chair") return 0;
      if (this.heard.has(person.id)) return 2;
      return person.camera ? 3 : 4;
    };
    const recent = (person) => this.heard.get(person.id) ?? 0;
    const picked = people.length <= room ? people
      : [...people].sort((one, other) => rank(one) - rank(other) || recent(other) - recent(one) || one.id - other.id).slice(0, room);
    picked.sort((one, other) => one.id - other.id);
    return [...screens, ...picked.map((person) => ({ person, kind: "camera" }))];
  }

  #mainOf(sources) {
    const screen = sources.find((source) => source.kind === "screen");
    if (screen) return keyOf(screen);
    const others = sources.filter((source) => source.person.id !== this.state.me);
    const loud = this.state.loudest.map(({ participant }) => others.find((source) => source.person.id === participant)).find(Boolean);
    const floor = others.find((source) => source.person.floor);
    const kept = others.find((source) => keyOf(source) === this.main);
    const recently = kept && performance.now() - (this.heard.get(kept.person.id) ?? -HOLD_MS) < HOLD_MS;
    const chair = others.find((source) => source.person.role === "chair");
    const found = floor ?? (recently ? kept : loud) ?? kept ?? chair ?? others[0] ?? sources[0];
    return found ? keyOf(found) : null;
  }

  /** Each picture from another person keeps its slot as long as it is shown; new ones take free slots. */
  #assign(sources) {
    const wanted = sources.filter(({ person, kind }) => person.id !== this.state.me && person[kind]).map(keyOf);
    for (const key of this.slots.keys()) if (!wanted.includes(key)) this.slots.delete(key);
    const free = [...Array(MOST_SLOTS).keys()].filter((slot) => ![...this.slots.values()].includes(slot));
    for (const key of wanted) if (!this.slots.has(key) && free.length) this.slots.set(key, free.shift());
  }

  #showTile(source, place) {
    const { person, kind } = source;
    const key = keyOf(source);
    const self = person.id === this.state.me;
    const tile = this.tiles.get(key) ?? clone("tile", {}, { participant: String(person.id), kind });
    this.tiles.set(key, tile);
    if (this.box.children[place] !== tile) this.box.insertBefore(tile, this.box.children[place] ?? null);
    const name = kind === "screen" ? word("screenOf", { name: person.name }, "room-texts") : person.name;
    tile.querySelector("[data-unit]").textContent = person.unit_name;
    tile.querySelector("[data-person]").textContent = self && kind === "camera" ? word("self", {}, "room-texts") : name;
    tile.querySelector("[data-initials]").textContent = initials(person.name);
    tile.dataset.mic = person.microphone || kind === "screen" ? "on" : "off";
    tile.dataset.camera = person[kind] ? "on" : "off";
    const marks = {
      floor: person.floor && kind === "camera", hand: person.hand !== null && kind === "camera", self: self && kind === "camera",
      screen: kind === "screen", main: key === this.main, weak: person.link === "lost", phone: person.phone && kind === "camera",
      speaking: kind === "camera" && this.state.loudest.some(({ participant }) => participant === person.id),
    };
    for (const [mark, on] of Object.entries(marks)) tile.toggleAttribute(`data-${mark}`, on);
    if (marks.floor) tile.querySelector("[data-floor-since]").dateTime = person.floor_since;
    this.#showTrack(tile, self ? this.tracks[kind] : this.connection?.slots.get(this.slots.get(key)));
  }

  #showTrack(tile, track) {
    const video = tile.querySelector("video");
    const shown = video.srcObject?.getVideoTracks()[0];
    if (shown === (track ?? undefined)) return;
    video.srcObject = track ? new MediaStream([track]) : null;
    if (track) video.play().catch((error) => console.info("picture waits:", error.message));
  }

  #listen() {
    const now = performance.now();
    for (const { participant } of this.state.loudest) this.heard.set(participant, now);
    const loud = new Set(this.state.loudest.map(({ participant }) => String(participant)));
    const missing = this.state.loudest.some(({ participant }) => !this.tiles.has(`${participant}/camera`));
    if (missing || this.view === "speaker") return this.show();
    for (const tile of this.tiles.values()) tile.toggleAttribute("data-speaking", tile.dataset.kind === "camera" && loud.has(tile.dataset.participant));
  }

  #look() {
    clearTimeout(this.timer);
    const apply = () => { this.hidden = document.hidden; this.#ask(); };
    if (document.hidden) this.timer = setTimeout(apply, HIDDEN_MS);
    else apply();
  }

  /** A tile much narrower or wider than the picture shows it whole: nobody in a hall is cut off at the edge. */
  #fit() {
    for (const tile of this.tiles.values()) {
      const shape = tile.clientWidth / Math.max(1, tile.clientHeight);
      tile.toggleAttribute("data-whole", shape < NARROWEST || shape > WIDEST);
    }
  }

  /** Tells the server what each slot shall show, and how wide, when that has changed. */
  #ask() {
    this.#fit();
    if (!this.connection) return;
    const wants = this.hidden ? [] : [...this.slots].map(([key, slot]) => {
      const [source, kind] = key.split("/");
      const pixels = (this.tiles.get(key)?.clientWidth ?? 0) * Math.min(2, devicePixelRatio);
      return { slot, source: Number(source), kind, width: Math.max(WIDTH_STEP, Math.ceil(pixels / WIDTH_STEP) * WIDTH_STEP) };
    });
    const text = JSON.stringify(wants);
    if (text === this.sent) return;
    this.sent = text;
    send("meeting.slots", { meeting: this.state.head.id, wants }).catch((error) => {
      this.sent = "";
      console.info("pictures not asked for:", error.code ?? error.message);
    });
  }
}
