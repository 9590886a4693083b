// Whether voices still arrive. The server tells how well the line carries the meeting, but where hardly anything arrives its
// news does not either, and just then people must be told how to go on by telephone. So the page counts for itself.

const LOOK_EVERY_MS = 1000;
const WINDOW = 3; // looks over which is counted
const LOST = 0.3; // share of the voices, as `VOICE_LOSS` of server/media/allocation/ladder.py
const FEWEST = 10; // packets, of which a share says something

/** Passes a "link" of the last rung to the session while too much of the voices is lost, and afterwards the server's own. */
export class Hearing {
  constructor(session) {
    this.session = session;
    this.told = { quality: "good", rung: "full", paused: [], still: [] }; // by the server
    this.deaf = false;
    this.looks = []; // of one connection: { lost, came } so far
    session.addEventListener("joined", () => this.#begin());
    session.addEventListener("link", ({ detail }) => this.#hear(detail));
    setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  #begin() {
    this.told = { quality: "good", rung: "full", paused: [], still: [] };
    this.deaf = false;
    this.looks = [];
  }

  #hear(link) {
    if (!link.counted) this.told = link;
  }

  async #look() {
    const { connection, phase } = this.session;
    if (phase !== "inside" || connection.pc.connectionState !== "connected") return;
    const voices = (await connection.figures()).inbound.filter((one) => one.kind === "audio");
    const sum = (name) => voices.reduce((total, one) => total + (one[name] ?? 0), 0);
    this.looks = [...this.looks.slice(-WINDOW), { lost: sum("packetsLost"), came: sum("packetsReceived") }];
    const deaf = misses(this.looks);
    if (deaf === this.deaf) return;
    this.deaf = deaf;
    const link = deaf ? { ...this.told, quality: "poor", rung: "telephone", counted: true } : this.told;
    this.session.dispatchEvent(new CustomEvent("link", { detail: link }));
  }
}

/** Whether more is lost than copies repair, by what had come and was lost at each look. */
export function misses(looks) {
  const [first, last] = [looks[0], looks.at(-1)];
  const lost = Math.max(0, last.lost - first.lost);
  const all = lost + last.came - first.came;
  return looks.length > WINDOW && all >= FEWEST && lost > LOST * all;
}
