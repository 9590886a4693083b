// What the own way out carries. Voices come first, then a shared screen, then the camera: a browser divides the way among
// its pictures, but sends the least of each even where that takes the voice's place. So on a thin way the voice gets longer
// packets, of which fewer headers are sent, and the camera rests; it is tried again after a while.

const LOOK_EVERY_MS = 500;
const FORMS = [ // below so many bit/s: the forms of `server/media/voices.py`
  [50_000, { kbps: 16, frameMs: 60 }],
  [80_000, { kbps: 16, frameMs: 40 }],
  [200_000, { kbps: 24, frameMs: 40 }],
];
const USUAL = { kbps: 32, frameMs: 20 };
const THIN = 130_000; // bit/s that do not carry voice and camera
const THIN_FOR_SCREEN = 400_000; // nor voice, screen and camera
const ENOUGH = 1.4; // times as much and the camera is back beside a screen
const LOOKS = 2; // in a row that must say so; one is enough where a screen begins, or the way carries less than
const FALL = 0.4; // of what it did at the look before
const LOST = 0.25; // share of the voice, where the browser does not tell what the way carries
const GRACE_MS = 5000; // in which a trial may find out what the way carries
const CALM = 0.15; // with which the camera may be tried again, beside what is lost anyway
const REST_MS = 10_000; // until that
const PROVEN_MS = 6000; // for which it must have been carried until it is back
const RAISED_AFTER_MS = 10_000; // for which the way must have carried a better voice

/** The best form of a voice that `carries` bit/s have room for, with a copy; null is not known. */
export function fitting(carries) {
  return (carries !== null && FORMS.find(([bound]) => carries < bound)?.[1]) || USUAL;
}

/** The rules, with the time passed in: `form` of the voice and whether the camera `rests`, or is tried again (`tries`). */
export class Thrift {
  constructor() {
    this.form = USUAL;
    this.rests = false;
    this.tries = false;
    this.shares = false; // a screen, at the look before
    this.looks = 0;
    this.carried = 0; // bit/s at the look before
    this.since = -Infinity; // when the camera began to rest, or was tried
    this.better = null; // since when a better voice would have fitted
    this.usual = 0; // share that is lost without the camera
  }

  /** Takes note of what the way carries in bit/s, or null, the share of the voice that is lost, and whether a screen is
      shared; `fresh` is false where that share was known at the look before. */
  step({ carries, lost, screen, fresh = true }, now) {
    this.#voice(fitting(carries), now);
    const bound = screen ? THIN_FOR_SCREEN : THIN;
    const fell = (screen && !this.shares) || (carries !== null && carries < FALL * this.carried);
    this.shares = screen;
    this.carried = carries ?? 0;
    if (this.rests) this.#try(carries, lost, screen ? ENOUGH * bound : 0, now);
    else if (carries === null || (this.tries && now - this.since < GRACE_MS)) {
      const told = fresh || fell || this.tries; // one report of an outage that is over must not count twice
      if (told) this.#weigh(lost > this.usual + LOST, fell, now);
    } else this.#weigh(carries < bound, fell, now);
    if (this.tries && now - this.since >= PROVEN_MS) this.tries = false;
  }

  #voice(best, now) {
    const worse = best.kbps < this.form.kbps || best.frameMs > this.form.frameMs;
    if (worse || best === this.form) [this.form, this.better] = [best, null];
    else if (this.better === null) this.better = now;
    else if (now - this.better >= RAISED_AFTER_MS) [this.form, this.better] = [best, null];
  }

  #weigh(thin, fell, now) {
    this.looks = thin ? this.looks + 1 : 0;
    if (this.looks < (fell ? 1 : LOOKS)) return;
    [this.rests, this.tries, this.since, this.looks, this.usual] = [true, false, now, 0, 1];
  }

  #try(carries, lost, least, now) {
    this.usual = Math.min(this.usual, lost);
    if (now - this.since < REST_MS || lost > this.usual + CALM || (carries ?? Infinity) < least) return;
    [this.rests, this.tries, this.since] = [false, true, now];
  }
}

/** Looks at a connection and tells `changed({ form, rests, tries })` when one of them is another. */
export class Uplink {
  constructor(connection, changed) {
    Object.assign(this, { connection, changed });
    this.thrift = new Thrift();
    this.carries = null;
    this.lost = 0;
    this.before = null;
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Looks no more. */
  close() {
    clearInterval(this.timer);
  }

  /** Looks once; with `begins` just before a screen is shared, so that its first page does not share a thin way with the camera. */
  async look(begins = false) {
    const { pc, microphone, screen } = this.connection;
    if (pc.connectionState !== "connected") return;
    const all = [...(await pc.getStats()).values()];
    const { thrift } = this;
    const { form, rests, tries } = thrift;
    const pair = all.find((item) => item.type === "candidate-pair" && item.nominated);
    const fresh = this.#count([...(await microphone.getStats()).values()]);
    this.carries = pair?.availableOutgoingBitrate ?? this.carries; // Chromium leaves it out now and then
    thrift.step({ carries: this.carries, lost: this.lost, fresh, screen: begins || screen.track !== null }, performance.now());
    if (thrift.form !== form || thrift.rests !== rests || thrift.tries !== tries) this.changed(thrift);
  }

  /** The share of the voice that the server misses, at each of its reports; whether there was one. */
  #count(voice) {
    const of = (type) => voice.find((item) => item.type === type);
    const [sent, missed] = [of("outbound-rtp")?.packetsSent, of("remote-inbound-rtp")];
    if (sent === undefined || !missed || missed.timestamp === this.before?.at) return false;
    const { before } = this;
    this.before = { at: missed.timestamp, sent, lost: missed.packetsLost };
    if (!before || sent <= before.sent) return true;
    const share = (missed.packetsLost - before.lost) / (sent - before.sent); // above 1 where a report after an outage comes late
    this.lost = (this.lost + Math.min(1, Math.max(0, share))) / 2;
    return true;
  }
}
