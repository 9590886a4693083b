// The own voice on its way out: how many bits it gets, how much sound goes into a packet, and whether each packet carries a
// copy of the one before (RED, RFC 2198), which a link that loses needs. All change without any negotiation.

const USUAL_KBPS = 32;
const USUAL_FRAME_MS = 20;
const LOOK_EVERY_MS = 2000;
const BEGIN = 0.02; // share of packets that the server misses, from which copies are sent
const END = 0.01; // and below which, for CALM_LOOKS in a row, they are not
const CALM_LOOKS = 8;

/** The microphone's sender; `shape({ copies, frameMs })` switches its packets, `inTurn(complaint, work)` does one thing after
    the other. As long as nobody has said whether to send copies, what the server misses decides it. */
export class Voice {
  constructor(sender, inTurn, shape) {
    Object.assign(this, { sender, inTurn, shape });
    this.wish = { kbps: USUAL_KBPS, frameMs: USUAL_FRAME_MS }; // of the server, for the others' links
    this.own = { kbps: USUAL_KBPS, frameMs: USUAL_FRAME_MS }; // that the own way out has room for
    this.kbps = USUAL_KBPS;
    this.frameMs = USUAL_FRAME_MS;
    this.red = "auto"; // or true, false
    this.copies = false; // whether they are sent now
    this.lost = 0;
    this.calm = 0;
    this.before = null;
    this.timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** `kbps` bounds the voice itself, without copies, in packets of `frameMs`; `red` is true, false or "auto". What is left
      out stays. */
  async set({ kbps = this.wish.kbps, frameMs = this.wish.frameMs, red = this.red } = {}) {
    this.wish = { kbps, frameMs };
    await this.#apply(red);
  }

  /** What the own way out has room for, whatever the others' links carry. */
  async bound(form) {
    this.own = form;
    await this.#apply(this.red);
  }

  async #apply(red) {
    const kbps = Math.min(this.wish.kbps, this.own.kbps);
    const frameMs = Math.max(this.wish.frameMs, this.own.frameMs);
    const longer = frameMs !== this.frameMs;
    Object.assign(this, { kbps, frameMs, red });
    await this.inTurn("the voice's rate is not bounded:", async () => {
      const parameters = this.sender.getParameters();
      if (!parameters.encodings.length) return;
      parameters.encodings[0].maxBitrate = kbps * 1000;
      await this.sender.setParameters(parameters);
    });
    await this.#send(red === "auto" ? this.copies : red, longer);
  }

  /** Looks no more. */
  close() {
    clearInterval(this.timer);
  }

  async #send(copies, anew = false) {
    if (copies === this.copies && !anew) return;
    this.copies = copies;
    await this.inTurn("packets of the voice not changed:", () => this.shape({ copies: this.copies, frameMs: this.frameMs }));
  }

  async #look() {
    const all = [...(await this.sender.getStats()).values()];
    const sent = all.find((item) => item.type === "outbound-rtp")?.packetsSent;
    const missed = all.find((item) => item.type === "remote-inbound-rtp")?.packetsLost;
    if (sent === undefined || missed === undefined) return;
    const { before } = this;
    this.before = { sent, missed };
    if (!before || sent <= before.sent) return;
    this.lost = (this.lost + Math.max(0, missed - before.missed) / (sent - before.sent)) / 2;
    this.calm = this.lost < END ? this.calm + 1 : 0;
    if (this.red === "auto") await this.#send(this.lost >= BEGIN || (this.copies && this.calm < CALM_LOOKS));
  }
}
