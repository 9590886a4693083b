// One trial: two connections to a throw-away room, one that sends and one that gets back what the first sends.

import { send } from "../channel.js";
import { Connection } from "../room/connection.js";
import { iceServers } from "../room/ice.js";

const CONNECT_MS = 15000;
const SOUND_PACKETS = 40; // of 20 ms each, in the whole trial: somebody has spoken, and it came back
const wait = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** A moving pattern that no encoder makes small, so that the line is filled whatever the camera sees. */
function pattern() {
  const small = new OffscreenCanvas(160, 90);
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const [fine, large] = [small.getContext("2d"), canvas.getContext("2d")];
  const pixels = fine.createImageData(160, 90);
  const draw = () => {
    crypto.getRandomValues(pixels.data);
    for (let n = 3; n < pixels.data.length; n += 4) pixels.data[n] = 255;
    fine.putImageData(pixels, 0, 0);
    large.drawImage(small, 0, 0, 640, 360);
  };
  draw();
  const timer = setInterval(draw, 66);
  const [track] = canvas.captureStream(15).getVideoTracks();
  track.contentHint = "motion";
  return { track, stop: () => { clearInterval(timer); track.stop(); } };
}

const sum = (items, name) => items.reduce((total, item) => total + (item[name] ?? 0), 0);
const share = (lost, of) => (of > 0 ? Math.min(1, Math.max(0, lost / of)) : 0);

/** `returned` is the track of the own picture after it has been at the server. */
export class Trial {
  #connections = [];

  /** Connects both ways. Rejects like `send`, and where one way came and the other did not: this machine is too busy to tell
   *  anything; resolves to false when no packet comes through. */
  async connect({ microphone, camera }) {
    const ice = await iceServers();
    this.pattern = pattern();
    this.sender = await this.#join("sender", ice);
    await Promise.all([this.sender.put("microphone", microphone), this.sender.put("camera", camera), this.sender.put("screen", this.pattern.track)]);
    this.receiver = await this.#join("receiver", ice);
    this.returned = this.receiver.slots.get(0);
    const came = await Promise.all(this.#connections.map(({ up }) => up));
    if (came.some(Boolean) && !came.every(Boolean)) throw new Error("one of two connections did not come");
    return came.every(Boolean);
  }

  async #join(side, ice) {
    let tell;
    const up = new Promise((done) => { tell = done; });
    const connection = new Connection({ ice, onState: (state) => { if (state === "connected") tell(true); else if (state === "failed") tell(false); } });
    this.#connections.push({ connection, up: Promise.race([up, wait(CONNECT_MS).then(() => false)]) });
    await connection.accept(await send("trial.join", { side, offer: await connection.offer() }));
    return connection;
  }

  /** How the sender's packets reach the server: {media: "udp" | "relay", protocol}. */
  async path() {
    const all = await this.sender.pc.getStats();
    const transport = [...all.values()].find((item) => item.type === "transport");
    const pair = all.get(transport?.selectedCandidatePairId) ?? [...all.values()].find((item) => item.type === "candidate-pair" && item.nominated);
    const local = all.get(pair?.localCandidateId);
    const relayed = local?.candidateType === "relay";
    return { media: relayed ? "relay" : "udp", protocol: relayed ? local.relayProtocol ?? "" : "udp" };
  }

  /** Figures of so many milliseconds. */
  async measure(milliseconds) {
    const before = await this.#reading();
    await wait(milliseconds);
    const after = await this.#reading();
    const grown = (name) => after[name] - before[name];
    const rate = (name) => Math.round(8 * grown(name) / milliseconds);
    return {
      up: Math.max(rate("bytesUp"), Math.round(after.available / 1000)),
      down: rate("bytesDown"),
      lossUp: share(grown("lostUp"), grown("packetsUp")),
      lossDown: share(grown("lostDown"), grown("packetsDown") + grown("lostDown")),
      rtt: after.rtt,
      pictures: grown("frames"),
      sound: after.voice > SOUND_PACKETS,
    };
  }

  async #reading() {
    const [up, down] = await Promise.all([this.sender.pc.getStats(), this.receiver.pc.getStats()]).then((both) => both.map((all) => [...all.values()]));
    const of = (all, type) => all.filter((item) => item.type === type);
    const [sent, told, got] = [of(up, "outbound-rtp"), of(up, "remote-inbound-rtp"), of(down, "inbound-rtp")];
    const pairs = of(up, "candidate-pair").filter((item) => item.nominated);
    return {
      bytesUp: sum(sent, "bytesSent"), packetsUp: sum(sent, "packetsSent"), lostUp: sum(told, "packetsLost"),
      bytesDown: sum(got, "bytesReceived"), packetsDown: sum(got, "packetsReceived"), lostDown: sum(got, "packetsLost"),
      frames: sum(got.filter((item) => item.trackIdentifier === this.returned?.id), "framesDecoded"),
      voice: sum(got.filter((item) => item.kind === "audio"), "packetsReceived"),
      available: Math.max(0, ...pairs.map((item) => item.availableOutgoingBitrate ?? 0)),
      rtt: Math.max(0, ...pairs.map((item) => item.currentRoundTripTime ?? 0)),
    };
  }

  /** Ends it here and at the server. */
  close() {
    for (const { connection } of this.#connections) connection.close();
    this.pattern?.stop();
    send("trial.leave").catch((error) => console.info("the trial ends by itself:", error.code));
  }
}
