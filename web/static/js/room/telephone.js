// Going on by telephone where the line carries not even voices: the server calls the person, or says how to call in.

import { send } from "../channel.js";
import { word } from "../page.js";
import { toast } from "../toast.js";
import { CALLS } from "./chair.js";

const text = (name, fields) => word(name, fields, "room-texts");

/** The button of the ladder's last rung. Who asked for it sits in the same seat once the telephone is there. */
export class Telephone {
  constructor(room, session, notices, meeting) {
    Object.assign(this, { session, notices, meeting });
    this.button = room.querySelector("[data-action=call-me]");
    this.ways = null; // known before they are needed: then hardly anything arrives
    this.rung = "full";
    this.button.addEventListener("click", () => this.#call());
    session.addEventListener("joined", () => { this.#stand("full"); this.#ask(); });
    document.addEventListener("giaoban:meeting.dial_in_changed", ({ detail }) => { if (detail.meeting === meeting) this.#ask(); });
    session.addEventListener("link", ({ detail }) => this.#stand(detail.rung));
    document.addEventListener("giaoban:meeting.own_call", ({ detail }) => { if (detail.meeting === meeting) this.#told(detail.outcome); });
  }

  async #ask() {
    try {
      this.ways = await send("meeting.by_telephone", { meeting: this.meeting });
      this.notices.setTelephone(this.#words());
    } catch (error) {
      console.info("no telephone:", error.code);
    }
  }

  #stand(rung) {
    this.rung = rung;
    this.button.hidden = rung !== "telephone" || !this.ways?.tail;
  }

  /** What the last rung says, instead of asking people to find a better place. */
  #words() {
    const { tail, numbers, pin, code, unit } = this.ways;
    const whole = numbers.map((one) => one.replaceAll(" ", "\u00a0")); // a number stays on one line
    const fields = { numbers: whole.join(" / "), code, unit };
    if (numbers.length && pin) return text("rungDialPin", fields);
    if (numbers.length && code && unit) return text("rungDialCode", fields);
    return tail ? text("rungCallMe") : "";
  }

  async #call() {
    this.button.setAttribute("aria-busy", "true");
    try {
      await send("meeting.call_me", { meeting: this.meeting });
      toast(text("callingMe", { tail: this.ways.tail }), { iconName: "phone" });
    } catch (error) {
      toast(error.message, { iconName: "circle-alert" });
    } finally {
      this.button.removeAttribute("aria-busy");
    }
  }

  #told(outcome) {
    if (outcome in CALLS) toast(text(CALLS[outcome], { unit: text("ownNumber", { tail: this.ways?.tail ?? "" }) }), { iconName: "phone" });
  }
}
