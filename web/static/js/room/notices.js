// The own state in words over the stage, the recording notice for eye and ear, and the page after the room.

import { number, word } from "../page.js";
import { toast } from "../toast.js";

const text = (name, fields) => word(name, fields, "room-texts");
const WORDS = { good: "linkGood", fair: "linkFair", poor: "linkPoor" };
const SENTENCES = { fewer: "rungFewer", one: "rungOne", still: "rungStill", sound: "rungSound", telephone: "rungTelephone" };

/** Says what the person must know; `voices` gives the tones. */
export class Notices {
  constructor(room, state, tracks, voices) {
    Object.assign(this, { room, state, tracks, voices });
    this.line = room.querySelector("[data-own-state]");
    this.lost = false;
    this.mark = room.querySelector("[data-link]");
    this.quality = "good";
    this.rung = "full";
    this.telephone = ""; // what the last rung says where one can go on by telephone
    this.rests = false;
    this.hadFloor = false;
    this.toldRecording = null;
    this.line.textContent = text("joining"); // until the room is known
    this.line.hidden = false;
    state.addEventListener("change", () => this.show());
  }

  /** The connection is lost, or there again. */
  setLost(lost) {
    this.lost = lost;
    this.#word();
    this.show();
  }

  /** The one word; a line that is gone is no good one, whatever the server said last. */
  #word() {
    const quality = this.lost ? "poor" : this.quality;
    this.mark.dataset.link = quality;
    this.mark.querySelector("[data-link-word]").textContent = text(WORDS[quality]);
  }

  /** How well the link carries the meeting: `quality` in one word above the stage, `rung` in a sentence where it matters. */
  setLink({ quality, rung }) {
    Object.assign(this, { quality, rung });
    this.#word();
    this.show();
  }

  /** How one can go on by telephone, in a sentence; empty where one cannot. */
  setTelephone(words) {
    this.telephone = words;
    this.show();
  }

  /** The own camera rests because the way out carries the voice alone. */
  setRest(rests) {
    this.rests = rests;
    this.show();
  }

  show() {
    const self = this.state.self;
    if (!self) return;
    this.#recording();
    if (self.floor && !this.hadFloor) this.voices.tone("floor");
    this.hadFloor = self.floor;
    const words = this.#words(self);
    if (this.line.textContent !== words) this.line.textContent = words;
    this.line.hidden = words === "";
  }

  #words(self) {
    const place = this.state.queue.indexOf(self.id);
    if (this.lost) return text("lost");
    if (self.floor && !self.microphone) return text("floorYours");
    if (place >= 0) return text("handRaised", { place: number(place + 1) });
    if (this.rung === "telephone" && this.telephone) return this.telephone;
    if (this.rung in SENTENCES) return text(SENTENCES[this.rung]);
    if (this.rests && self.camera) return text("cameraRests");
    if (this.quality !== "good") return text("linkUp");
    if (self.screen) return text("sharing");
    if (self.muted) return text("mutedByChair");
    if (!self.microphone) return text("microphoneOff");
    return "";
  }

  /** The red word is there as long as it records; begin, end and failure are also told aloud. */
  #recording() {
    const recording = this.state.head.recording;
    const state = recording?.state ?? "none";
    this.room.dataset.recording = ["running", "paused"].includes(state) ? "on" : "off";
    if (state === this.toldRecording) return;
    const first = this.toldRecording === null;
    this.toldRecording = state;
    if (state === "running") {
      toast(text(first ? "recordingOn" : "recordingBegun"), { iconName: "circle-dot" });
      this.voices.tone("recording");
    } else if (!first && state === "paused") toast(text("recordingPaused"), { iconName: "circle-dot" });
    else if (!first && state === "stopped") {
      toast(text("recordingStopped"), { iconName: "circle-dot" });
      this.voices.tone("stopped");
    } else if (!first && state === "failed") {
      toast(text(recording.failure === "disk_full" ? "recordingDisk" : "recordingFailed"), { iconName: "circle-alert", stay: Infinity });
    }
  }
}

/** The page after the room: why one is outside, and what can be done. */
export function showGone(why, message) {
  const page = document.querySelector("[data-gone]");
  const known = ["removed", "ended", "taken", "phone", "left"].includes(why) ? why : why === "meeting_ended" ? "ended" : "refused";
  page.querySelector("[data-gone-title]").textContent = text(`${known}Title`);
  page.querySelector("[data-gone-text]").textContent = known === "refused" ? message : text(`${known}Text`);
  page.querySelector("[data-action=come-back]").hidden = !["taken", "phone", "left"].includes(known);
  document.querySelector("[data-inside]").hidden = true;
  document.querySelector("[data-door]").hidden = true;
  page.hidden = false;
  page.querySelector("a, button:not([hidden])").focus();
}
