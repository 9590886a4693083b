// The side panel: people by unit with the roll call, who waits for the floor, the agenda with its clocks, the chat.

import { send } from "../channel.js";
import { clone } from "../clone.js";
import { lang, make, number, timeZone, word } from "../page.js";
import { toast } from "../toast.js";
import { duration, now } from "../time.js";
import { initials } from "./grid.js";

const text = (name, fields) => word(name, fields, "room-texts");
const hour = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : "vi-VN", { timeZone, hour: "2-digit", minute: "2-digit" });
const CALL_STATES = {
  queued: "stateQueued", running: "stateRunning", no_number: "stateNoNumber", declined: "stateDeclined", no_key: "stateNoKey", busy: "stateBusy",
  no_answer: "stateNoAnswer", refused: "stateRefused", moved: "stateMoved", wrong_number: "stateWrongNumber", trunk: "stateTrunk", no_node: "stateTrunk", no_sound: "stateTrunk",
  dropped: "stateDropped",
};
const ATTENDANCE = { present: "present", late: "late", left: "away", absent: "absent" };

/** Draws a list anew. The focus stays on the same button of the same line, else on that line, else on the list's part. */
function redraw(list, lines) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const key = (line) => line?.dataset.participant ?? line?.dataset.item ?? line?.querySelector("[data-unit]")?.dataset.unit;
  const before = focused?.closest("li");
  list.replaceChildren(...lines);
  if (!focused) return;
  const line = lines.find((one) => key(one) !== undefined && key(one) === key(before));
  const button = line?.querySelector(`[data-action="${focused.dataset.action}"]:not([hidden])`) ?? line?.querySelector("button:not([hidden])");
  (button ?? list.closest("[role=tabpanel]")).focus({ preventScroll: true });
}

/** Draws the four lists of the panel; the chair's buttons in them are handled by chair.js. */
export class Roster {
  constructor(room, state) {
    Object.assign(this, { room, state });
    this.lists = Object.fromEntries(["people", "queue", "agenda", "chat"].map((name) => [name, room.querySelector(`[data-list=${name}]`)]));
    state.addEventListener("change", ({ detail }) => this.show(detail));
    room.querySelector("[data-chat-form]").addEventListener("submit", (event) => this.#say(event));
    setInterval(() => this.#tickAgenda(), 1000);
    this.unread = 0;
    this.numbered = null; // units that can be called by telephone, once a host's page has been told
    this.hosted = false; // whether this page was of one who runs the meeting, when it last looked
    this.dialIn = room.querySelector("[data-dial-in-note]");
    room.querySelector("#tab-people").addEventListener("giaoban:selected", () => { this.#askNumbers(); this.#askDialIn(); });
    document.addEventListener("giaoban:meeting.dial_in_changed", ({ detail }) => { if (detail.meeting === this.state.head?.id) this.#askDialIn(); });
    room.querySelector("#tab-chat").addEventListener("giaoban:selected", () => { this.unread = 0; this.#counts(); });
  }

  show(detail) {
    if (this.state.hosts !== this.hosted) this.#changeRole();
    if (!detail.said) {
      this.#people();
      this.#queue();
      this.#agenda();
    }
    if (detail.whole) this.lists.chat.replaceChildren(...this.state.messages.map((message) => this.#line(message)));
    if (detail.said) this.#heard(detail.said);
    this.#counts();
  }

  #people() {
    const lines = [];
    const units = [...this.state.units.values()].sort((one, other) => (one.people === 0) - (other.people === 0) || one.id - other.id);
    for (const unit of units) {
      const people = [...this.state.people.values()].filter((person) => person.unit === unit.id && (person.present || person.removed));
      const state = text(ATTENDANCE[unit.attendance]);
      const words = make("span", {}, `${unit.name} · ${state}`);
      const group = make("li", { class: "panel-group", data: { attendance: unit.attendance } }, words);
      const call = this.#call(unit);
      if (call) words.append(call);
      if (this.room.dataset.dials !== undefined && unit.people === 0 && this.numbered?.has(unit.id)) {
        group.append(make("button", { type: "button", class: "button button-small chair-only", "aria-label": `${text("dial")}: ${unit.name}`, data: { action: "dial", unit: String(unit.id) } }, text("dial")));
      }
      lines.push(group);
      lines.push(...people.map((person) => this.#person(person)));
    }
    redraw(this.lists.people, lines);
  }

  /** Who begins to run the meeting is told what hosts know; who no longer does keeps nothing of it. */
  #changeRole() {
    this.hosted = this.state.hosts;
    this.numbered = null;
    this.#askNumbers();
    this.#askDialIn();
  }

  /** The number and the code to tell people who call in; the server tells them only to who runs the meeting. */
  async #askDialIn() {
    if (!this.dialIn) return;
    const { numbers, code } = this.state.hosts ? await this.#known("meeting.dial_in", { numbers: [], code: "" }) : { numbers: [], code: "" };
    const shown = this.state.hosts && numbers.length > 0;
    this.dialIn.hidden = !shown;
    const call = shown ? text("dialIn", { numbers: numbers.join(" / ") }) : "";
    const half = code.length / 2;
    const key = shown && code ? text("dialInCode", { code: `${code.slice(0, half)}\u00a0${code.slice(half)}` }) : "";
    this.dialIn.querySelector("span").textContent = [call, key].filter(Boolean).join(" ");
  }

  /** Numbers are noted and taken away elsewhere: asked for anew whenever the list of people is opened. */
  async #askNumbers() {
    if (!this.state.hosts || this.room.dataset.dials === undefined) return;
    const { units } = await this.#known("meeting.numbered", { units: null });
    if (!units) return;
    this.numbered = new Set(units);
    this.#people();
  }

  /** The server's answer about this meeting, or `none` where it refuses. */
  async #known(message, none) {
    try {
      return await send(message, { meeting: this.state.head.id });
    } catch (error) {
      console.info(`${message}: not known:`, error.code);
      return none;
    }
  }

  /** What became of the last call to a unit of which nobody is there, or that it has no number, for those who run the meeting. */
  #outcome({ id, people, call }) {
    if (!this.state.hosts || people > 0) return "";
    return this.numbered && !this.numbered.has(id) ? "no_number" : call?.outcome ?? "";
  }

  #call(unit) {
    const outcome = this.#outcome(unit);
    if (!(outcome in CALL_STATES)) return null;
    const state = text(CALL_STATES[outcome]);
    const again = outcome === unit.call?.outcome && unit.call.again_at;
    const words = again ? text("callState", { state, time: hour.format(Date.parse(again)) }) : state;
    return make("span", { class: "panel-call", data: { call: outcome } }, words);
  }

  #person(person) {
    const self = person.id === this.state.me;
    const help = this.state.hosts && person.present && person.help !== null;
    const notes = [self ? text("self") : "", ["chair", "secretary"].includes(person.role) ? text(person.role) : "",
      help ? text("helpWanted", { time: hour.format(Date.parse(person.help)) }) : "",
      person.removed ? text("takenOut") : person.link === "lost" ? text("dropped") : ""].filter(Boolean);
    const row = clone("person-row", { initials: initials(person.name), unit: person.name, person: notes.join(" · ") }, {
      participant: String(person.id), mic: person.microphone ? "on" : "off",
    });
    row.toggleAttribute("data-floor", person.floor);
    row.toggleAttribute("data-hand", person.hand !== null);
    row.toggleAttribute("data-help", help);
    row.toggleAttribute("data-by-phone", person.phone);
    if (!person.phone) row.querySelector("[data-phone]").remove();
    row.toggleAttribute("data-away", person.link === "lost" || person.removed);
    const actions = row.querySelector(".person-actions");
    if (person.removed) {
      actions.replaceChildren(make("button", { type: "button", class: "button button-small", data: { action: "readmit" } }, text("readmit")));
    } else {
      actions.querySelector("[data-action=answer-help]").hidden = !help;
      actions.querySelector("[data-action=mute]").hidden = !person.microphone;
      actions.querySelector("[data-action=rename]").hidden = !person.phone;
      this.#appoints(actions.querySelector("[data-action=appoint]"), person);
      actions.querySelector("[data-action=remove]").hidden = self || person.role === "chair";
    }
    return row;
  }

  /** The chair makes somebody the secretary, or takes that back; who called the meeting for the chair is one anyway. */
  #appoints(button, { account, role }) {
    const { chair, secretary } = this.state.head;
    const appointed = account !== null && account === secretary;
    button.hidden = this.state.self?.account !== chair || account === null || !(appointed || ["hall", "delegate"].includes(role));
    button.setAttribute("aria-pressed", String(appointed));
    button.title = text(appointed ? "dismiss" : "appoint");
    button.setAttribute("aria-label", button.title);
  }

  #queue() {
    const waiting = this.state.queue.map((id) => this.state.people.get(id)).filter(Boolean);
    redraw(this.lists.queue, waiting.map((person, place) =>
      clone("queue-row", { place: number(place + 1), unit: person.unit_name, person: person.name }, { participant: String(person.id) })));
  }

  #agenda() {
    const next = this.state.agenda.find((item) => !item.started_at);
    redraw(this.lists.agenda, this.state.agenda.map((item, place) => {
      const note = item.minutes ? text("minutes", { n: number(item.minutes) }) : "";
      const row = clone("agenda-row", { place: number(place + 1), title: item.title, note }, { item: String(item.id) });
      if (item.started_at && !item.ended_at) row.setAttribute("aria-current", "step");
      row.querySelector("[data-action]").hidden = item !== next;
      return row;
    }));
    this.#tickAgenda();
  }

  #tickAgenda() {
    for (const item of this.state.agenda) {
      const time = this.lists.agenda.querySelector(`[data-item="${item.id}"] [data-fill=time]`);
      if (!time || !item.started_at) continue;
      const until = item.ended_at ? Date.parse(item.ended_at) : now();
      time.textContent = duration((until - Date.parse(item.started_at)) / 1000);
    }
  }

  #line(message) {
    const person = this.state.people.get(message.participant);
    return clone("chat-row", { unit: person?.unit_name ?? "", person: person?.name ?? "", time: hour.format(Date.parse(message.at)), text: message.text });
  }

  #heard(message) {
    this.lists.chat.append(this.#line(message));
    this.lists.chat.scrollTop = this.lists.chat.scrollHeight;
    const read = this.room.dataset.panel === "open" && !this.room.querySelector("#part-chat").hidden;
    if (!read && message.participant !== this.state.me) this.unread += 1;
  }

  #counts() {
    const help = this.state.hosts && this.state.present().some((person) => person.help !== null);
    this.room.querySelector(".room-people").toggleAttribute("data-help", help);
    const counts = { people: this.state.present().length, queue: this.state.queue.length, agenda: 0, chat: this.unread };
    for (const [name, count] of Object.entries(counts)) {
      for (const badge of this.room.querySelectorAll(`[data-count-of=${name}]`)) {
        badge.textContent = number(count);
        badge.hidden = count === 0;
      }
    }
  }

  #say(event) {
    event.preventDefault();
    const field = event.target.elements.text;
    const words = field.value.trim();
    if (!words) return;
    send("meeting.say", { meeting: this.state.head.id, text: words })
      .then(() => { field.value = ""; })
      .catch((error) => toast(error.message, { iconName: "circle-alert" }));
  }
}

