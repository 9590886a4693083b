// A progress bar made by ui.progress(): how far, and about how long still.

import { duration } from "./time.js";

/** Gives set(value, max): fills the bar and writes the time left once a tenth is done. */
export function progressOf(element, clock = () => performance.now()) {
  const bar = element.querySelector("progress");
  const left = element.querySelector("[data-left]");
  const begin = clock();
  return (value, max = bar.max) => {
    bar.max = max;
    bar.value = value;
    const share = value / max;
    left.textContent = share >= 0.1 && share < 1 ? `−${duration((((clock() - begin) / share) * (1 - share)) / 1000)}` : "";
  };
}
