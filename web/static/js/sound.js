// The bell for a new directive: two notes made here, no file. Browsers let it sound only after a first touch or key.

import { recall, remember } from "./store.js";

let context = null;

/** Whether the person wants the bell on this device. */
export function soundWanted() {
  return recall("sound") !== "off";
}

function note(frequency, begin, length) {
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.type = "sine";
  tone.frequency.value = frequency;
  volume.gain.setValueAtTime(0, begin);
  volume.gain.linearRampToValueAtTime(0.3, begin + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, begin + length);
  tone.connect(volume).connect(context.destination);
  tone.start(begin);
  tone.stop(begin + length);
}

/** Rings once (two notes; four for what is urgent), if wanted and allowed. */
export function ring(urgent = false) {
  if (!soundWanted() || context?.state !== "running") return;
  const begin = context.currentTime;
  for (let turn = 0; turn < (urgent ? 2 : 1); turn += 1) {
    note(880, begin + turn * 0.9, 0.5);
    note(1174.7, begin + turn * 0.9 + 0.22, 0.6);
  }
}

/** Makes sound ready at the first touch and wires the switch in the menu; called once. */
export function startSound() {
  const wake = () => {
    context ??= new AudioContext();
    if (context.state === "suspended") context.resume().catch((error) => console.info("no sound yet:", error.message));
  };
  for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, wake, { once: true });
  for (const button of document.querySelectorAll("[data-sound-toggle]")) {
    const show = () => button.setAttribute("aria-pressed", String(soundWanted()));
    button.addEventListener("click", () => {
      remember("sound", soundWanted() ? "off" : null);
      wake();
      ring();
      show();
    });
    show();
  }
}
