// The chair's strip and the chair's buttons in the panel. The server checks each; here is only what is shown.

import { send } from "../channel.js";
import { ask, askWords } from "../dialog.js";
import { word } from "../page.js";
import { toast } from "../toast.js";

const text = (name, fields) => word(name, fields, "room-texts");

/** Wires the chair's buttons of a room. */
export class Chair {
  constructor(room, state, meeting, panel) {
    Object.assign(this, { room, state, meeting, panel });
    room.addEventListener("click", (event) => {
      const button = event.target.closest("[data-action]");
      const handle = button && this.#actions[button.dataset.action];
      if (handle) handle(Number(button.closest("[data-participant]")?.dataset.participant) || null);
    });
    state.addEventListener("change", () => this.#show());
    document.addEventListener("giaoban:meeting.secretary_wanted", ({ detail }) => { if (detail.meeting === meeting) this.#wanted(detail); });
  }

  #actions = {
    "mute-all": () => this.#say("mute"),
    mute: (participant) => this.#say("mute", { participant }),
    remove: (participant) => this.#remove(participant),
    rename: (participant) => this.#rename(participant),
    readmit: (participant) => this.#say("readmit", { participant }),
    "give-floor": (participant) => this.#say("give_floor", { participant }),
    invite: () => this.#invite(),
    "roll-call": () => this.panel.open("people"),
    "floor-mode": () => this.#say("floor_mode", { mode: this.state.head.floor_mode === "open" ? "invitation" : "open" }),
    "agenda-next": () => { this.panel.open("agenda"); this.#say("agenda_next"); },
    "agenda-start": () => this.#say("agenda_next"),
    record: () => this.#say(this.#recording ? "record_stop" : "record_start"),
    end: () => this.#end(),
  };

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

  async #rename(participant) {
    const person = this.state.people.get(participant);
    const name = person && await askWords(text("askName", { unit: person.unit_name }), person.name);
    if (name) this.#say("rename", { participant, name });
    this.panel.catchFocus();
  }

  /** Somebody on the telephone has pressed the key for help. */
  #wanted({ participant }) {
    const person = this.state.people.get(participant);
    if (person) toast(text("secretaryWanted", { name: `${person.unit_name} · ${person.name}` }), { iconName: "phone" });
  }

  async #end() {
    if (await ask(text("askEnd"), text("yesEnd"))) this.#say("end");
  }

  #show() {
    const press = (action, on) => this.room.querySelector(`.chair-strip [data-action=${action}]`)?.setAttribute("aria-pressed", String(on));
    press("record", this.#recording);
    press("floor-mode", this.state.head.floor_mode === "invitation");
    const next = this.room.querySelector(".chair-strip [data-action=agenda-next]");
    if (next) next.hidden = this.state.agenda.length === 0;
  }
}
