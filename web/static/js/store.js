// What this browser remembers for us. Storage may be full or forbidden: then nothing is remembered, and nothing breaks.

const PREFIX = "giaoban:";

/** The text kept under `key`, or null; in "sessionStorage" it is this tab's alone. */
export function recall(key, place = "localStorage") {
  try {
    return window[place].getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/** Keeps `text` under `key`; null forgets it. True when it was kept. */
export function remember(key, text, place = "localStorage") {
  try {
    if (text === null) window[place].removeItem(PREFIX + key);
    else window[place].setItem(PREFIX + key, text);
    return true;
  } catch {
    return false;
  }
}

/** All keys that begin with `start`, without our prefix. */
export function keysFrom(start) {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX + start))
      .map((key) => key.slice(PREFIX.length));
  } catch {
    return [];
  }
}
