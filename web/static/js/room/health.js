// How the page itself fares, told every few seconds for the chair's board: pictures that stood still, voices that had to be
// guessed, and how busy this machine is with pictures. Only the browser knows.

import { send } from "../channel.js";

const EVERY_MS = 10_000;
const sum = (items, key) => items.reduce((total, item) => total + (item[key] ?? 0), 0);
const of = (items, kind) => items.filter((item) => item.kind === kind);

/** The counters that matter, of all that a connection receives and sends. */
export function counters({ inbound, outbound }) {
  const [pictures, voices, sent] = [of(inbound, "video"), of(inbound, "audio").filter((item) => item.packetsReceived), of(outbound, "video")];
  return {
    freezes: sum(pictures, "freezeCount"),
    frozen: sum(pictures, "totalFreezesDuration"),
    sound: sum(voices, "totalSamplesReceived"),
    concealed: sum(voices, "concealedSamples") - sum(voices, "silentConcealedSamples"),
    coding: sum(pictures, "totalDecodeTime") + sum(sent, "totalEncodeTime"),
    short: Math.max(0, ...sent.map((item) => item.qualityLimitationDurations?.cpu ?? 0)),
  };
}

/** What happened between two readings `seconds` apart, as the server takes it. */
export function report(before, after, seconds) {
  const grown = (key) => Math.max(0, after[key] - before[key]);
  return {
    seconds,
    freezes: grown("freezes"),
    frozen: Math.min(grown("frozen"), 12 * seconds),
    concealed: grown("sound") ? Math.min(1, grown("concealed") / grown("sound")) : 0,
    cpu: grown("coding") / seconds,
    cpu_short: Math.min(1, grown("short") / seconds),
  };
}

/** Tells while the session is inside the room. */
export class Health {
  constructor(session, meeting) {
    Object.assign(this, { session, meeting });
    this.before = null; // { connection, at, counters }
    setInterval(() => this.#tell(), EVERY_MS);
  }

  async #tell() {
    const { connection, phase } = this.session;
    if (phase !== "inside" || !connection) return;
    const [at, found] = [performance.now(), counters(await connection.figures())];
    const { before } = this;
    this.before = { connection, at, counters: found };
    if (before?.connection !== connection) return;
    await send("meeting.health", { meeting: this.meeting, report: report(before.counters, found, (at - before.at) / 1000) })
      .catch((error) => console.info("not told how the page fares:", error.code));
  }
}
