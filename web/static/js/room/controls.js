// The bar: microphone, camera, shared screen, raised hand, leaving. What is on is what the server says is on.

import { send } from "../channel.js";
import { word } from "../page.js";
import { toast } from "../toast.js";
import * as devices from "./devices.js";

const text = (name, fields) => word(name, fields, "room-texts");

const OPENERS = { microphone: devices.openMicrophone, camera: devices.openCamera, screen: devices.openScreen };
const LOST = { microphone: "lostMicrophone", camera: "lostCamera" };

/** The person's own switches; `tracks` holds what is open: microphone, camera, screen. */
export class Controls {
  constructor(room, state, tracks, session) {
    Object.assign(this, { room, state, tracks, session });
    this.connection = null;
    this.busy = new Map(); // line → "on" or "off", whichever is under way
    this.again = new Set(); // lines to be switched on as soon as they are off
    this.wanted = {};
    this.lost = ({ target }) => this.#lose(target);
    room.querySelector(".bar").addEventListener("click", (event) => {
      const action = event.target.closest("[data-action]")?.dataset.action;
      if (["microphone", "camera", "screen"].includes(action)) this.toggle(action);
      if (action === "hand") this.#hand();
      if (action === "leave") this.session.leave();
    });
    state.addEventListener("change", () => this.#follow());
  }

  /** A new connection gets what is open. */
  async attach(connection, microphone) {
    this.connection = connection;
    if (!microphone) this.#closeTrack("microphone");
    const lines = ["microphone", "camera", "screen"];
    for (const line of lines.filter((name) => !this.busy.has(name))) this.wanted[line] = Boolean(this.tracks[line]);
    for (const line of lines) {
      this.tracks[line]?.addEventListener("ended", this.lost); // what was opened at the door, too; once
      await connection.put(line, this.tracks[line]);
      if (this.tracks[line]?.readyState === "ended") this.#lose(this.tracks[line]); // before anybody listened
    }
    if (this.tracks.screen) await this.#tell("screen", true).catch(() => this.off("screen"));
    await this.#tellWhatDiffers();
    this.show();
  }

  /** What was switched while the seat was taken was not in the offer. */
  async #tellWhatDiffers() {
    const { self } = this.state;
    const [differs] = ["camera", "microphone"].filter((line) => !this.busy.has(line) && self && self[line] !== Boolean(this.tracks[line]));
    if (differs) await this.#tell(differs, Boolean(this.tracks[differs])).catch((error) => console.info("not told:", error.code));
  }

  /** Switches one line on or off. A second press while it goes on is impatience; while it goes off, it is a wish. */
  async toggle(line, open = OPENERS[line]) {
    if (!this.connection) return;
    if (this.busy.get(line) === "off") this.again.add(line);
    if (this.busy.has(line)) return;
    this.busy.set(line, this.tracks[line] ? "off" : "on");
    try {
      if (this.tracks[line]) await this.off(line);
      else await this.#on(line, open);
    } catch (error) {
      if (line === "screen" && error.name === "NotAllowedError") return;
      const reason = error.code && typeof error.code === "string" ? error.message : text(devices.reasonOfOne(error, line === "microphone" ? "audio" : "video"));
      toast(line === "screen" && !error.code ? text("shareFailed") : reason, { iconName: "circle-alert" });
    } finally {
      this.busy.delete(line);
      this.show();
      if (this.again.delete(line)) this.toggle(line);
    }
  }

  /** Switches a line on with a device that was opened only now: the browser's question was answered in the room. */
  take(line, track) {
    const { session } = this;
    if (!this.connection && session.phase !== "gone") {
      for (const event of ["joined", "gone"]) session.addEventListener(event, () => this.take(line, track), { once: true });
    } else if (session.phase === "gone" || this.tracks[line] || this.busy.has(line)) track.stop();
    else this.toggle(line, async () => track);
  }

  async #on(line, open) {
    let track;
    try {
      if (line === "microphone") await this.#tell(line, true); // may be refused: then the device stays closed
      track = await open();
      if (this.session.phase === "gone") return track.stop(); // the browser's question was answered too late
      if (line !== "microphone") await this.#tell(line, true);
    } catch (error) {
      track?.stop();
      await this.#tellOff(line);
      throw error;
    }
    this.tracks[line] = track;
    track.addEventListener("ended", this.lost);
    await this.connection.put(line, track);
  }

  /** Switches one line off: the device is really closed, its light goes out. */
  async off(line) {
    this.#closeTrack(line);
    await this.connection?.put(line, null);
    this.show();
    await this.#tellOff(line);
  }

  /** A device was pulled out or taken away, or the browser's own button ended the shared screen. */
  #lose(track) {
    const line = Object.keys(this.tracks).find((name) => this.tracks[name] === track);
    if (!line) return;
    this.off(line);
    if (line in LOST) toast(text(LOST[line]), { iconName: "circle-alert" });
  }

  #closeTrack(line) {
    this.tracks[line]?.stop();
    this.tracks[line] = null;
    this.wanted[line] = false;
  }

  /** Two switches may be on their way at once: each message carries what is wanted of all three. */
  #tell(line, on) {
    this.wanted[line] = on;
    return send("meeting.state", { meeting: this.session.meeting, ...this.wanted });
  }

  /** Off is off here, whether the server hears it now or at the next join. */
  #tellOff(line) {
    return this.#tell(line, false).catch((error) => console.info("not told:", error.code));
  }

  /** The chair has switched our microphone off, or another page of ours has changed something. */
  #follow() {
    const self = this.state.self;
    const mutedHere = self?.present && !self.microphone; // who has just lost the seat with the connection comes back as they were
    if (mutedHere && this.tracks.microphone && !this.busy.has("microphone") && this.session.phase === "inside") {
      this.#closeTrack("microphone");
      this.connection?.put("microphone", null);
    }
    this.show();
  }

  /** Presses the buttons that are on. */
  show() {
    const pressed = {
      microphone: Boolean(this.tracks.microphone), camera: Boolean(this.tracks.camera), screen: Boolean(this.tracks.screen),
      hand: Boolean(this.state.self?.hand),
    };
    for (const [action, on] of Object.entries(pressed)) {
      this.room.querySelector(`.bar [data-action=${action}]`).setAttribute("aria-pressed", String(on));
    }
  }

  #hand() {
    const up = Boolean(this.state.self?.hand);
    send(up ? "meeting.lower_hand" : "meeting.raise_hand", { meeting: this.session.meeting }).catch((error) => toast(error.message, { iconName: "circle-alert" }));
  }
}
