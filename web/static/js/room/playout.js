// How long what arrives waits until it is played. A browser finds the shortest time for each track by itself; but on a link
// that loses, a picture must wait until what was asked for again has come, and since our slots are no pairs to the browser,
// nobody keeps voices and lips together (80 ms at most). Both are done here, by the tracks' least delays.

const LOOK_EVERY_MS = 1000;
const NEWEST = 0.4; // share of the last second in the smoothed loss
const LOSSY = 0.005; // share of a picture's packets that do not come, from which it waits for them to come again
const OFTEN = 0.03; // and from which for a second try
const VERY_OFTEN = 0.16; // and a third
const TRY_MS = 20; // beside the round trip, until it is noticed that something is missing, and it is put in its place
const LONGEST_MS = 500;
const APART_MS = 10; // how far voices and pictures may be apart
const STEP_MS = 20; // less is no reason to change anything
const UNEVEN = 1.5; // of a voice's jitter: a browser counts its wait from the usual packet, a picture's from the fastest
const HELD = 8; // looks for which the longest wait is kept: each change makes pictures and voices drift apart for a while
const FEWEST = 10; // frames or samples that tell something

const grown = (now, before, key) => (now[key] ?? 0) - (before[key] ?? 0);
const most = (values) => Math.max(0, ...values);

/** How long a stream waits by itself from the first that could come, between two looks and in milliseconds. Null when hardly
    anything came; 0 when it is `bound` to wait and the browser does not say how long it had without. */
export function need(now, before, bound) {
  const count = grown(now, before, "jitterBufferEmittedCount");
  if (count < FEWEST) return null;
  if (bound && now.jitterBufferMinimumDelay === undefined) return 0;
  const waited = grown(now, before, bound ? "jitterBufferMinimumDelay" : "jitterBufferDelay") / count;
  return 1000 * (waited + (now.kind === "audio" ? UNEVEN * (now.jitter ?? 0) : 0));
}

/** The share of a stream's packets that did not come between two looks, not even late or in another order. */
export function missing(now, before) {
  const lost = Math.max(0, grown(now, before, "packetsLost"));
  return lost / Math.max(1, lost + grown(now, before, "packetsReceived"));
}

/** How long a picture must wait for what is asked for again, when `lost` is the share of its packets that are. */
export function patience(lost, framesPerSecond, rttMs) {
  if (lost < LOSSY) return 0;
  const tries = 1 + (lost >= OFTEN) + (lost >= VERY_OFTEN);
  return Math.min(LONGEST_MS, 1000 / Math.max(5, framesPerSecond) + tries * (rttMs + TRY_MS));
}

/** The least delays of all pictures and of all voices, in milliseconds, by what each needs by itself and how long pictures
    wait for what was lost; 0 leaves a kind to the browser. */
export function targets(pictures, voices, waits) {
  const voice = most(voices);
  const picture = most([...pictures, ...waits]);
  const follows = pictures.length > 0 && voices.length > 0;
  return {
    picture: Math.max(most(waits), follows && voice - picture > APART_MS ? voice - APART_MS : 0),
    voice: follows && picture - voice > APART_MS ? picture - APART_MS : 0,
  };
}

/** Keeps the delays of all that a connection receives. */
export class Playout {
  constructor(pc) {
    this.pc = pc;
    this.known = new Map(); // id of a stream's figures → { figures, lost }
    this.set = { video: 0, audio: 0 };
    this.lately = { video: [], audio: [] }; // what was right at the last looks
    this.timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Looks no more. */
  close() {
    clearInterval(this.timer);
  }

  async #look() {
    const all = [...(await this.pc.getStats()).values()];
    const rttMs = 1000 * (all.find((item) => item.type === "candidate-pair" && item.nominated)?.currentRoundTripTime ?? 0);
    const needs = { audio: [], video: [] };
    const waits = [];
    for (const now of all.filter((item) => item.type === "inbound-rtp")) {
      const { figures: before, lost: lostBefore } = this.known.get(now.id) ?? { figures: null, lost: 0 };
      const needed = before && need(now, before, this.set[now.kind] > 0);
      const lost = before ? lostBefore + NEWEST * (missing(now, before) - lostBefore) : 0;
      this.known.set(now.id, { figures: now, lost });
      if (needed === null) continue;
      needs[now.kind].push(needed);
      if (now.kind === "video") waits.push(patience(lost, now.framesPerSecond ?? 0, rttMs));
    }
    const { picture, voice } = targets(needs.video, needs.audio, waits);
    if (needs.video.length) this.#apply("video", picture);
    if (needs.audio.length) this.#apply("audio", voice);
  }

  #apply(kind, right) {
    this.lately[kind] = [...this.lately[kind].slice(1 - HELD), right];
    const [before, target] = [this.set[kind], Math.round(most(this.lately[kind]))];
    if (Math.abs(target - before) < STEP_MS && (target > 0 || before === 0)) return;
    this.set[kind] = target;
    for (const { receiver } of this.pc.getTransceivers()) {
      if (receiver.track.kind === kind && "jitterBufferTarget" in receiver) receiver.jitterBufferTarget = target || null;
    }
  }
}
