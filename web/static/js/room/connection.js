// One RTCPeerConnection with all its lines from the start: microphone, camera, screen, then the slots to receive.
// One offer, one answer; from then on the server switches what a slot shows, and we switch tracks. No renegotiation.

import { decodes, ofType, screenIn, turnTo, VP9 } from "./codecs.js";
import { LAYERS, sentOf, worthSending } from "./layers.js";
import { Playout } from "./playout.js";
import { Uplink } from "./uplink.js";
import { Voice } from "./voice.js";

const AUDIO_SLOTS = 3;
const VIDEO_SLOTS = 12;
const USUAL_FRAME_MS = 20;
const SCREEN = { ...screenIn("vp8"), maxFramerate: 20, priority: "high" }; // an own thin link carries it first

function prefer(transceiver, kind, names) {
  const { codecs: all } = RTCRtpReceiver.getCapabilities(kind);
  const codecs = names.flatMap((name) => ofType(all, name));
  if (codecs.length) transceiver.setCodecPreferences(codecs);
}

/** The server's answer with copies in the voice's packets or without, and with so much sound in each. */
function shaped(answer, copies, frameMs) {
  const turned = copies ? answer.replace(/^(m=audio \d+ \S+) (\d+) (\d+)(?=\r?$)/m, "$1 $3 $2") : answer;
  return frameMs === USUAL_FRAME_MS ? turned : turned.replace(/^(m=audio .*?)(?=^m=)/ms, `$1a=ptime:${frameMs}\r\n`);
}

/** The media connection of one join. `onState` gets "connecting", "connected", "disconnected", "failed", "closed"; `onRest` gets
    whether the camera rests because the own way out carries no more than the voice. */
export class Connection {
  constructor({ ice = [], onState, onRest = () => {} }) {
    this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", iceServers: ice });
    this.slots = new Map(); // number of a video slot → its track
    this.voices = []; // tracks of the audio slots
    this.turn = Promise.resolve(); // changes of parameters and descriptions, one at a time
    this.pc.addEventListener("connectionstatechange", () => onState(this.pc.connectionState, this));
    const send = { direction: "sendonly" };
    this.microphone = this.pc.addTransceiver("audio", send).sender;
    this.voice = new Voice(this.microphone, (complaint, work) => this.#inTurn(complaint, work), (form) => this.#shapeVoice(form));
    this.playout = new Playout(this.pc);
    this.wished = { camera: null }; // and "screen": the layers that the server wishes for, null before it has said so
    this.codec = "vp8"; // of the screen, as the server wishes
    this.spared = { rests: false, tries: false };
    this.onRest = onRest;
    this.uplink = new Uplink(this, (found) => this.#spare(found));
    this.camera = this.pc.addTransceiver("video", { ...send, sendEncodings: LAYERS }).sender;
    this.screen = this.pc.addTransceiver("video", { ...send, sendEncodings: [SCREEN] }).sender;
    for (let n = 0; n < AUDIO_SLOTS; n += 1) this.pc.addTransceiver("audio", { direction: "recvonly" });
    for (let n = 0; n < VIDEO_SLOTS; n += 1) this.pc.addTransceiver("video", { direction: "recvonly" });
  }

  /** The offer's text. Tracks set before it do not matter: every line is offered in any case. */
  async offer() {
    const screens = ["video/vp8", ...(await decodes(VP9) ? [VP9] : []), "video/rtx"];
    for (const transceiver of this.pc.getTransceivers()) {
      const { kind } = transceiver.receiver.track;
      const camera = transceiver.sender === this.camera;
      prefer(transceiver, kind, kind === "audio" ? ["audio/opus", "audio/red"] : camera ? ["video/vp8", "video/rtx"] : screens);
    }
    await this.pc.setLocalDescription();
    return this.pc.localDescription.sdp;
  }

  /** Takes the server's answer and finds the track of each slot. */
  async accept({ answer, slots }) {
    this.answer = this.shape = answer;
    await this.pc.setRemoteDescription({ type: "answer", sdp: answer });
    await this.voice.set();
    const byMid = new Map(this.pc.getTransceivers().map((transceiver) => [transceiver.mid, transceiver.receiver.track]));
    for (const { mid, kind, slot } of slots) {
      if (kind === "video") this.slots.set(slot, byMid.get(mid));
      else this.voices[slot] = byMid.get(mid);
    }
  }

  /** Sends a track in a line ("microphone", "camera", "screen"), or with null nothing. */
  async put(line, track) {
    if (line === "screen" && track) await this.uplink.look(true);
    if (this.pc.signalingState === "closed") return; // the next one is given what is open
    await this[line].replaceTrack(track);
    if (line === "camera" && track) await this.#inTurn("layers not set:", () => this.#activate(line)); // of another size
  }

  /** Sends of a picture ("camera", "screen") these layers alone: what nobody watches costs nothing. The screen in `codec`. */
  sendLayers(line, rids, codec = "vp8") {
    this.wished[line] = rids;
    if (line === "screen") this.codec = codec;
    return this.#inTurn("layers not set:", () => this.#activate(line));
  }

  /** A description that is taken once more makes Chromium send all layers again. */
  async #activateAll() {
    for (const line of Object.keys(this.wished)) await this.#activate(line);
  }

  async #activate(line) {
    const parameters = this[line].getParameters();
    const rids = this.wished[line];
    const { rests, tries } = line === "camera" ? this.spared : {};
    const all = !rids || (tries && rids.length > 0); // a trial begins with the smallest that there is, whoever watches
    const there = line === "camera" ? worthSending(this.camera.track) : parameters.encodings.map(({ rid = "" }) => rid);
    const sent = rests ? [] : sentOf(there, all ? null : rids);
    const wanted = ({ rid = "" }) => sent.includes(rid);
    const differs = parameters.encodings.filter((encoding) => encoding.active !== wanted(encoding));
    for (const encoding of differs) encoding.active = !encoding.active;
    const turns = line === "screen" && turnTo(parameters, this.codec);
    if (turns || differs.length) await this[line].setParameters(parameters);
  }

  /** The own way out carries less than it was, or more again: another voice, and the camera or none. */
  #spare({ form, rests, tries }) {
    const differs = rests !== this.spared.rests || tries !== this.spared.tries;
    this.spared = { rests, tries };
    if (differs) this.sendLayers("camera", this.wished.camera); // first: another form of the voice takes longer
    this.voice.bound(form);
    if (differs) this.onRest(rests || tries); // a trial is not told of: most are in vain
  }

  /** Does one thing after the other: parameters that were read before a new description cannot be set after it. */
  #inTurn(complaint, work) {
    this.turn = this.turn.then(work).catch((error) => console.info(complaint, error.message));
    return this.turn;
  }

  /** Bounds the own voice: `kbps` (16 to 32), `frameMs` of sound in each packet (20, 40 or 60), and `red`: true, false or
      "auto" whether packets carry copies. */
  setVoice(wish) {
    return this.voice.set(wish);
  }

  /** A browser sends the codec that stands first in the answer's line, the microphone's: Opus, or RED with copies, and
      packets as long as its `a=ptime` says (no `setParameters` switches these). So the page takes the server's answer
      once more, changed; the server has no part in it, it takes all of that at any time. */
  async #shapeVoice({ copies, frameMs }) {
    const sdp = shaped(this.answer, copies, frameMs);
    if (sdp === this.shape) return; // this browser has no RED
    this.shape = sdp;
    await this.pc.setLocalDescription();
    await this.pc.setRemoteDescription({ type: "answer", sdp });
    await this.#activateAll();
  }

  /** Looks for another way to the same server, after a change of network: an ICE restart that asks nobody. The server is
   *  ICE-lite and knows us by its own name and password alone, so its old answer is good for our new candidates, too.
   *  Session, keys and slots stay as they are. */
  findWay() {
    return this.#inTurn("no other way:", async () => { // a new join comes after it
      const answer = this.pc.remoteDescription;
      if (!answer || this.pc.signalingState !== "stable") return;
      this.pc.restartIce();
      await this.pc.setLocalDescription();
      await this.pc.setRemoteDescription(answer);
      await this.#activateAll();
    });
  }

  /** Packets that have come so far, of media and of its control. */
  async arrived() {
    const transport = [...(await this.pc.getStats()).values()].find((item) => item.type === "transport");
    return transport?.packetsReceived ?? 0;
  }

  /** Ends it; the server notices at once. */
  close() {
    this.voice.close();
    this.uplink.close();
    this.playout.close();
    this.pc.close();
  }

  /** Figures of what is received and sent, one object a track. */
  async figures() {
    const all = [...(await this.pc.getStats()).values()];
    return {
      inbound: all.filter((item) => item.type === "inbound-rtp"),
      outbound: all.filter((item) => item.type === "outbound-rtp"),
      pair: all.find((item) => item.type === "candidate-pair" && item.nominated),
    };
  }
}
