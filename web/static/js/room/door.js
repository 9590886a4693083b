// The device check before the room: picture, level, choice of devices, a test tone, and what to do when one fails.

import { make, word } from "../page.js";
import * as devices from "./devices.js";

const text = (name, fields) => word(name, fields, "room-texts");
const HEARD = 0.08;
const OPENING_MS = 4000; // a person who has not yet answered the browser's question goes in without the device

/** The check; `tracks` holds what is open when the person goes in. */
export class Door {
  constructor(element, tracks) {
    Object.assign(this, { element, tracks });
    this.note = element.querySelector("[data-check-note]");
    this.meter = element.querySelector("[data-level]");
    this.stopMeter = null;
    this.problems = {};
    this.turns = {}; // line → its opening that is under way
    this.closed = false;
    this.opening = Promise.resolve();
    element.addEventListener("change", (event) => this.#chosen(event.target));
    element.addEventListener("click", (event) => this.#pressed(event.target.closest("[data-action]")?.dataset.action));
  }

  /** Opens microphone and camera and lists what there is. */
  async open() {
    this.note.textContent = text("asking");
    this.opening = Promise.all([this.set("microphone", true), this.set("camera", true)]);
    await this.opening;
    await this.#lists();
    navigator.mediaDevices?.addEventListener("devicechange", () => { this.#lists(); this.#again(); });
    for (const line of ["microphone", "camera"]) devices.onAllowed(line, () => this.#again());
  }

  /** Something was plugged in or allowed: what did not open before may open now. */
  #again() {
    if (!this.closed) for (const line of Object.keys(this.problems)) this.set(line, true);
  }

  /** Opens or closes one of the two; what comes of an opening before is closed. */
  async set(line, on) {
    const turn = this.turns[line] = {};
    const stale = () => this.closed || this.turns[line] !== turn;
    this.tracks[line]?.stop();
    this.tracks[line] = null;
    delete this.problems[line];
    if (on) {
      try {
        const track = await (line === "microphone" ? devices.openMicrophone() : devices.openCamera());
        if (stale()) return track.stop();
        this.tracks[line] = track;
        track.addEventListener("ended", () => { if (!this.closed && this.tracks[line] === track) this.set(line, true); });
      } catch (error) {
        if (stale()) return;
        this.problems[line] = devices.reasonOfOne(error, line === "microphone" ? "audio" : "video");
      }
    }
    this.turns[line] = null;
    if (!this.closed) this.#show(line);
  }

  /** Waits a little for devices that are being opened, then ends measuring; the open tracks go on. */
  async close() {
    await Promise.race([this.opening, new Promise((done) => { setTimeout(done, OPENING_MS); })]);
    this.closed = true;
    this.stopMeter?.();
    this.stopMeter = null;
    this.element.hidden = true;
  }

  #show(line) {
    const track = this.tracks[line];
    this.element.querySelector(`[data-action=${line}]`).setAttribute("aria-pressed", String(Boolean(track)));
    if (line === "camera") {
      const preview = this.element.querySelector("[data-preview]");
      preview.dataset.camera = track ? "on" : "off";
      preview.querySelector("video").srcObject = track ? new MediaStream([track]) : null;
    } else {
      this.stopMeter?.();
      this.meter.value = 0;
      this.stopMeter = track ? devices.measure(track, (level) => this.#level(level)) : null;
    }
    this.#say();
  }

  #level(level) {
    this.meter.value = level;
    if (level > HEARD && !this.heard) {
      this.heard = true;
      this.#say();
    }
  }

  #say() {
    const { microphone, camera } = this.problems;
    const both = microphone === camera ? microphone : microphone === "deniedMicrophone" && camera === "deniedCamera" ? "denied" : "listening";
    const problem = microphone && camera ? both : microphone ?? camera;
    this.note.textContent = text(problem ?? (this.heard ? "heard" : "speak"));
    this.note.toggleAttribute("data-problem", Boolean(problem));
  }

  async #lists() {
    for (const select of this.element.querySelectorAll("[data-device]")) {
      const found = await devices.list(select.dataset.device);
      const options = found.map(({ deviceId, label, chosen }, place) => make("option", { value: deviceId, selected: chosen }, label || text("device", { n: place + 1 })));
      select.replaceChildren(...(options.length ? options : [make("option", { value: "" }, text("defaultDevice"))]));
      select.disabled = options.length === 0;
    }
  }

  #chosen(select) {
    const kind = select.dataset.device;
    if (!kind) return;
    devices.choose(kind, select.value);
    if (kind === "audioinput") this.set("microphone", true);
    if (kind === "videoinput") this.set("camera", true);
  }

  #pressed(action) {
    const switches = action === "microphone" || action === "camera";
    if (switches && !this.turns[action]) this.set(action, !this.tracks[action]);
    if (action === "test-speaker") this.#testTone();
  }

  /** Two notes from the chosen loudspeaker. */
  #testTone() {
    const context = new AudioContext();
    const target = context.createMediaStreamDestination();
    for (const [frequency, begin] of [[523, 0], [784, 0.5]]) {
      const oscillator = context.createOscillator();
      const volume = context.createGain();
      oscillator.frequency.value = frequency;
      volume.gain.value = 0.25;
      oscillator.connect(volume).connect(target);
      oscillator.start(context.currentTime + begin);
      oscillator.stop(context.currentTime + begin + 0.45);
    }
    const player = new Audio();
    player.srcObject = target.stream;
    const play = () => player.play().catch((error) => console.info("no test tone:", error.message));
    Promise.resolve(player.setSinkId?.(devices.loudspeaker())).then(play, play);
    setTimeout(() => context.close(), 1500);
  }
}
