// The chair's strip and the chair's buttons in the panel. The server checks each; here is only what is shown.

import { send } from "../channel.js";
import { ask, askWords } from "../dialog.js";
import { word } from "../page.js";
import { soundWanted } from "../sound.js";
import { toast } from "../toast.js";

const text = (name, fields) => word(name, fields, "room-texts");
const MOST_NAMES = 4; // in one piece of news; all stand in the list of people

/** Texts for what became of a call, by its outcome. */
export const CALLS = {
  declined: "callDeclined", no_key: "callNoKey", busy: "callBusy", no_answer: "callNoAnswer", refused: "callRefused", moved: "callMoved",
  wrong_number: "callWrongNumber", trunk: "callTrunk", no_node: "callTrunk",
};

/** Wires the chair's buttons of a room; `voices` gives the tones. */
export class Chair {
  constructor(room, state, meeting, panel, voices) {
    Object.assign(this, { room, state, meeting, panel, voices });
    this.telephones = null; // who takes part by telephone, once it is known
    this.waiting = null; // whose hands are up, once it is known
    this.handNews = null; // {id, close}: what is told of the newest of them
    room.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      const handle = button && this.#actions[button.dataset.action];
      if (handle) handle(Number(button.closest("[data-participant]")?.dataset.participant) || null, button);
    });
    state.addEventListener("change", () => { this.#show(); this.#hear(); this.#see(); });
    document.addEventListener("giaoban:meeting.secretary_wanted", ({ detail }) => { if (detail.meeting === meeting && this.#hosts) this.#wanted(detail); });
    document.addEventListener("giaoban:meeting.calling", ({ detail }) => { if (detail.meeting === meeting && this.#hosts) this.#called(detail); });
  }

  #actions = {
    "mute-all": () => this.#say("mute"),
    mute: (participant) => this.#say("mute", { participant }),
    remove: (participant) => this.#remove(participant),
    rename: (participant) => this.#rename(participant),
    readmit: (participant) => this.#say("readmit", { participant }),
    appoint: (participant) => this.#appoint(participant),
    "answer-help": (participant) => this.#say("answer_help", { participant }),
    "give-floor": (participant) => this.#say("give_floor", { participant }),
    invite: () => this.#invite(),
    dial: (_participant, button) => this.#dial(Number(button.dataset.unit)),
    "dial-missing": () => this.#dial(),
    "roll-call": () => this.panel.open("people"),
    "floor-mode": () => this.#say("floor_mode", { mode: this.state.head.floor_mode === "open" ? "invitation" : "open" }),
    "agenda-next": () => { this.panel.open("agenda"); this.#say("agenda_next"); },
    "agenda-start": () => this.#say("agenda_next"),
    record: () => this.#say(this.#recording ? "record_stop" : "record_start"),
    end: () => this.#end(),
  };

  get #hosts() {
    return this.state.hosts;
  }

  get #recording() {
    return ["running", "paused"].includes(this.state.head?.recording?.state);
  }

  #say(name, data = {}) {
    return send(`meeting.${name}`, { meeting: this.meeting, ...data }).catch((error) => toast(error.message, { iconName: "circle-alert" }));
  }

  /** The first who waits gets the floor; whoever holds it gives it back when nobody waits. */
  #invite() {
    this.panel.open("queue");
    const [first] = this.state.queue;
    if (first) this.#say("give_floor", { participant: first });
    else if (this.state.present().some((person) => person.floor)) this.#say("give_floor");
  }

  async #remove(participant) {
    const person = this.state.people.get(participant);
    if (person && await ask(text("askRemove", { name: `${person.unit_name} · ${person.name}` }), text("yesRemove"))) {
      this.#say("remove", { participant });
    }
    this.panel.catchFocus();
  }

  /** Call a unit by telephone, or all that are missing; what becomes of each call is told by `meeting.calling`. */
  async #dial(unit) {
    const answer = await this.#say("dial", unit ? { unit } : {});
    if (!answer?.ok) return;
    toast(answer.calling ? text("calling", { n: answer.calling }) : text("callingNobody"), { iconName: "phone" });
    const names = answer.without_number.map((id) => this.state.units.get(id)?.name).filter(Boolean);
    const some = { names: names.slice(0, MOST_NAMES).join(", "), n: names.length };
    if (names.length) toast(text(names.length > MOST_NAMES ? "withoutNumberMany" : "withoutNumber", some), { iconName: "circle-alert" });
  }

  #called({ unit, outcome }) {
    const name = this.state.units.get(unit)?.name;
    if (name && outcome in CALLS) toast(text(CALLS[outcome], { unit: name }), { iconName: "phone" });
  }

  async #rename(participant) {
    const person = this.state.people.get(participant);
    const name = person && await askWords(text("askName", { unit: person.unit_name }), person.name);
    if (name) this.#say("rename", { participant, name });
    this.panel.catchFocus();
  }

  /** Make somebody the secretary, or nobody. */
  async #appoint(participant) {
    const person = this.state.people.get(participant);
    const dismissed = person && person.account === this.state.head.secretary;
    const name = person && `${person.unit_name} · ${person.name}`;
    if (person && await ask(text(dismissed ? "askDismiss" : "askAppoint", { name }), text(dismissed ? "yesDismiss" : "yesAppoint"))) {
      this.#say("appoint", dismissed ? {} : { participant });
    }
    this.panel.catchFocus();
  }

  /** Somebody on the telephone has pressed the key for help. */
  #wanted({ participant }) {
    const person = this.state.people.get(participant);
    if (person) toast(text("secretaryWanted", { name: `${person.unit_name} · ${person.name}` }), { iconName: "phone" });
  }

  /** A telephone that comes shows no picture: those who run the meeting hear it, unless they want no sounds. */
  #hear() {
    const before = this.telephones;
    this.telephones = new Set(this.state.present().filter((person) => person.phone).map((person) => person.id));
    const came = before && [...this.telephones].some((id) => !before.has(id));
    if (came && this.#hosts && soundWanted()) this.voices.tone("telephone");
  }

  /** A hand that goes up far down the list is easily missed; it is told of while it is up, or until the next one. */
  #see() {
    const { queue, people, me } = this.state;
    const before = this.waiting;
    this.waiting = new Set(queue);
    const newest = before && queue.findLast((id) => !before.has(id) && id !== me);
    if (this.handNews && (newest || !this.waiting.has(this.handNews.id))) {
      this.handNews.close();
      this.handNews = null;
    }
    const person = newest && people.get(newest);
    if (!person || !this.#hosts) return;
    const action = { label: text("invite"), run: () => this.#say("give_floor", { participant: newest }) };
    const close = toast(text("handUp", { name: `${person.unit_name} · ${person.name}` }), { iconName: "hand", action });
    this.handNews = { id: newest, close };
  }

  async #end() {
    if (await ask(text("askEnd"), text("yesEnd"))) this.#say("end");
  }

  #show() {
    this.room.dataset.role = this.#hosts ? "chair" : "member";
    const press = (action, on) => this.room.querySelector(`.chair-strip [data-action=${action}]`)?.setAttribute("aria-pressed", String(on));
    press("record", this.#recording);
    press("floor-mode", this.state.head.floor_mode === "invitation");
    const next = this.room.querySelector(".chair-strip [data-action=agenda-next]");
    if (next) next.hidden = this.state.agenda.length === 0;
  }
}
