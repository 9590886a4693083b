// The own voice on its way out: how many bits it gets, and whether each packet carries a copy of the one before (RED,
// RFC 2198), which a link that loses needs. Both change without any negotiation.

const USUAL_KBPS = 32;
const LOOK_EVERY_MS = 2000;
const BEGIN = 0.02; // share of packets that the server misses, from which copies are sent
const END = 0.01; // and below which, for CALM_LOOKS in a row, they are not
const CALM_LOOKS = 8;

/** The microphone's sender. As long as nobody has said whether to send copies, what the server misses decides it. */
export class Voice {
  constructor(sender) {
    this.sender = sender;
    this.kbps = USUAL_KBPS;
    this.red = "auto"; // or true, false
    this.copies = false; // what is sent now
    this.lost = 0;
    this.calm = 0;
    this.before = null;
    this.timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** `kbps` bounds the voice itself, without copies; `red` is true, false or "auto". What is left out stays. */
  async set({ kbps = this.kbps, red = this.red } = {}) {
    Object.assign(this, { kbps, red });
    if (red !== "auto") this.copies = red;
    await this.#apply();
  }

  /** Looks no more. */
  close() {
    clearInterval(this.timer);
  }

  async #apply() {
    const parameters = this.sender.getParameters();
    const [encoding] = parameters.encodings;
    if (!encoding || !parameters.codecs?.length) return; // nothing is negotiated yet
    const copying = parameters.codecs.find((codec) => codec.mimeType.toLowerCase() === "audio/red");
    encoding.maxBitrate = this.kbps * 1000;
    delete encoding.codec;
    if (this.copies && copying) {
      const { mimeType, clockRate, channels, sdpFmtpLine } = copying;
      encoding.codec = { mimeType, clockRate, channels, sdpFmtpLine };
    }
    // A browser that cannot choose the codec does not know the field, and goes on as negotiated, with Opus.
    await this.sender.setParameters(parameters);
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
    const copies = this.lost >= BEGIN || (this.copies && this.calm < CALM_LOOKS);
    if (this.red !== "auto" || copies === this.copies) return;
    this.copies = copies;
    await this.#apply();
  }
}
