// What is heard: the voices of the room, and the short tones of the room itself.

import { loudspeaker } from "./devices.js";

const ROOM_TONES = { recording: [[660, 0], [880, 0.18]], floor: [[784, 0], [1046, 0.16], [1318, 0.32]], stopped: [[880, 0], [660, 0.18]], telephone: [[659, 0], [880, 0.15]] };
const LOUD = { telephone: 0.07 };

/** Plays the audio slots. Made inside a press of the person, so that the browser allows sound. */
export class Voices {
  constructor(unlock) {
    this.unlock = unlock;
    this.elements = [];
    this.context = new AudioContext();
    unlock.addEventListener("click", () => this.#play());
  }

  /** Plays the voices of a new connection. */
  attach(connection) {
    for (const element of this.elements) element.srcObject = null;
    this.elements = connection.voices.map((track, place) => {
      const element = this.elements[place] ?? new Audio();
      element.srcObject = new MediaStream([track]);
      return element;
    });
    this.useLoudspeaker();
    this.#play();
  }

  /** Sends the sound to the chosen loudspeaker, where the browser can. */
  useLoudspeaker() {
    for (const element of this.elements) {
      element.setSinkId?.(loudspeaker()).catch((error) => console.info("other loudspeaker:", error.message));
    }
  }

  /** A short tone of the room: "recording", "stopped", "floor", or softly "telephone". */
  tone(name) {
    if (this.context.state !== "running") return;
    const begin = this.context.currentTime;
    for (const [frequency, after] of ROOM_TONES[name]) {
      const oscillator = this.context.createOscillator();
      const volume = this.context.createGain();
      oscillator.frequency.value = frequency;
      volume.gain.setValueAtTime(LOUD[name] ?? 0.2, begin + after);
      volume.gain.exponentialRampToValueAtTime(0.001, begin + after + 0.3);
      oscillator.connect(volume).connect(this.context.destination);
      oscillator.start(begin + after);
      oscillator.stop(begin + after + 0.3);
    }
  }

  async #play() {
    try {
      await Promise.all(this.elements.map((element) => element.play()));
      if (this.context.state !== "running") this.context.resume().catch(() => { this.unlock.hidden = false; });
      this.unlock.hidden = true;
    } catch (error) {
      this.unlock.hidden = error.name !== "NotAllowedError";
    }
  }
}
