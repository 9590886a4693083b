// What was measured, in one word and what to do. A pure function; its words stand in the page (#trial-texts).

// kbit/s and shares, as a meeting uses them: one picture each way and a few voices.
const PICTURE_UP = 300;
const PICTURE_DOWN = 500;
const VOICE = 48;
const MUCH_LOSS = 0.1;
const TOO_MUCH_LOSS = 0.3;
const LONG_WAY = 1; // s

/** Facts: {media: "udp" | "relay" | "none", up, down (kbit/s), lossUp, lossDown, rtt (s), camera, microphone: "" or the
 *  name of what is wrong, pictures: how many of the own came back, sound: whether the own voice did}. Gives {word, todo}:
 *  names of texts. */
export function verdict(facts) {
  if (facts.media === "none") return { word: "blocked", todo: ["askNetwork", "byTelephone"] };
  const todo = [];
  if (facts.media === "relay") todo.push("relayed");
  if (facts.microphone) todo.push(facts.microphone);
  if (facts.camera && facts.camera !== facts.microphone) todo.push(facts.camera);
  const link = linkOf(facts);
  if (link === "none") return { word: "tooWeak", todo: ["moveCloser", "byTelephone"] };
  if (link === "voice") return { word: facts.microphone ? "listenWeak" : "voiceOnly", todo: ["moveCloser", ...todo] };
  if (!facts.camera && !facts.pictures) todo.push("cameraDark"); // it is there and may be used, and shows nothing
  if (facts.microphone) return { word: "listen", todo };
  if (!facts.sound) return { word: "unheard", todo: [...todo, "speakUp"] };
  return { word: facts.camera || !facts.pictures ? "noPicture" : "good", todo };
}

/** What the line carries: "picture", "voice" or "none". */
export function linkOf({ up, down, lossUp, lossDown, rtt }) {
  const loss = Math.max(lossUp, lossDown);
  if (Math.min(up, down) < VOICE || loss > TOO_MUCH_LOSS) return "none";
  if (up < PICTURE_UP || down < PICTURE_DOWN || loss > MUCH_LOSS || rtt > LONG_WAY) return "voice";
  return "picture";
}
