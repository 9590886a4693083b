// Being in the room: joining, and coming back by itself after a lost network, a restarted server or media node.

import { onState, renew, send } from "../channel.js";
import { onWake } from "../wake.js";
import { Connection } from "./connection.js";
import { iceServers } from "./ice.js";

const PATIENCE_MS = 2500; // a connection that is "disconnected" often comes back by itself
const AFTER_RETURN_MS = 1500; // the same, once the server can be reached again: only then may it be given up
const LOOK_MS = 1000;
const STILL_LOOKS = 2; // so many looks without a packet after there were some: the way is gone, long before ICE says so
const FLOWING = 20; // packets: more than the handshake takes, so something flowed
const SLEPT_SECONDS = 10; // a page that stood still for longer has slept; a node gives up its session a minute later
const PAUSES_MS = [300, 700, 1500, 3000];
const FINAL = new Set(["removed", "not_invited", "meeting_ended", "meeting_cancelled", "not_started", "not_allowed", "room_full", "bad_offer"]);
const wait = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

/** The session of this page in a meeting. Events: "joined", "lost", "back", "link" (how well it carries:
 *  detail.quality, rung, paused, still), "rest" (detail.rests: the own camera, for the voice's sake), "gone" (detail.why,
 *  detail.message). */
export class Session extends EventTarget {
  constructor(meeting, state, { tracks, hall = false }) {
    super();
    Object.assign(this, { meeting, state, tracks, hall });
    this.connection = null;
    this.session = "";
    this.phase = "outside"; // outside, joining, inside, gone
    this.tries = 0;
    this.timer = 0;
    onState((channel) => this.#channelChanged(channel));
    this.#hear();
    setInterval(() => this.#look(), LOOK_MS);
    onWake(SLEPT_SECONDS, () => this.#wake());
  }

  /** Takes the seat; a second call takes it anew with a new offer. */
  async join() {
    if (this.phase === "joining" || this.phase === "gone") return;
    this.phase = "joining";
    this.shaken = false;
    clearTimeout(this.timer);
    try {
      await this.#connect();
      this.tries = 0;
      if (this.shaken) this.#rejoinSoon(AFTER_RETURN_MS);
    } catch (error) {
      if (this.phase === "gone") return;
      this.phase = "outside";
      if (FINAL.has(error.code)) return this.leaveFor(error.code, error.message);
      console.info("joining again:", error.code ?? error.message);
      await wait(PAUSES_MS[Math.min(this.tries, PAUSES_MS.length - 1)]);
      this.tries += 1;
      return this.join();
    }
  }

  async #connect() {
    this.connection?.close();
    const ice = await iceServers();
    if (this.phase === "gone") return;
    const connection = new Connection({ ice, onState: (name, from) => this.#mediaChanged(name, from), onRest: (rests) => this.#rest(rests) });
    this.connection = connection;
    const offer = await connection.offer();
    const { microphone, camera } = this.tracks;
    const answer = await send("meeting.join", {
      meeting: this.meeting, offer, microphone: Boolean(microphone), camera: Boolean(camera), hall: this.hall,
    });
    if (this.phase === "gone") return this.#unseat(); // we left while the server was giving us the seat
    this.session = answer.session;
    this.state.me = answer.participant;
    await connection.accept(answer);
    if (this.phase === "gone") return;
    this.phase = "inside";
    this.state.load(answer.snapshot);
    this.dispatchEvent(new CustomEvent("joined", { detail: { connection, microphone: answer.microphone } }));
  }

  /** Asks for the whole room, and finds out whether our seat is still ours. */
  async refresh() {
    const entrance = await send("meeting.snapshot", { meeting: this.meeting });
    this.state.load(entrance.snapshot);
    return entrance;
  }

  /** Goes out because the person wishes it: here at once, whether the server can be told now or not. */
  leave() {
    this.leaveFor("left");
    return this.#unseat();
  }

  #unseat() {
    return send("meeting.leave", { meeting: this.meeting }).catch((error) => console.info("left anyway:", error.message));
  }

  /** Goes out for good: "left", "removed", "ended", "taken", "phone" or the code of a refusal. */
  leaveFor(why, message = "") {
    if (this.phase === "gone") return;
    this.phase = "gone";
    clearTimeout(this.timer);
    this.connection?.close();
    this.dispatchEvent(new CustomEvent("gone", { detail: { why, message } }));
  }

  #hear() {
    const mine = (handle) => ({ detail }) => { if (detail.meeting === this.meeting) handle(detail); };
    const on = (kind, handle) => document.addEventListener(`giaoban:${kind}`, mine(handle));
    on("meeting.changed", (change) => { this.state.apply(change); this.#checkSeat(); });
    on("meeting.speaking", ({ loudest }) => this.state.speaking(loudest));
    on("meeting.layers", ({ participant, kind, rids, codec }) => { if (participant === this.state.me) this.connection?.sendLayers(kind, rids, codec); });
    on("meeting.voice", ({ participant, kbps, frame_ms: frameMs }) => { if (participant === this.state.me) this.connection?.setVoice({ kbps, frameMs }); });
    on("meeting.link", (link) => { if (link.participant === this.state.me) this.dispatchEvent(new CustomEvent("link", { detail: link })); });
    on("meeting.said", (message) => this.state.said(message));
    on("meeting.removed", () => this.leaveFor("removed"));
    on("meeting.ended", () => this.leaveFor("ended"));
    on("meeting.media_restarted", ({ participants }) => { if (participants.includes(this.state.me)) this.#restarted(); });
    addEventListener("online", () => { if (this.phase === "inside") this.#moved(); });
    navigator.connection?.addEventListener("change", () => this.connection?.findWay());
  }

  /** Somebody signed in as us has taken the seat from another page, or our own telephone has: the older one gives way. */
  #checkSeat() {
    const self = this.state.self;
    if (this.phase !== "inside" || !self?.present || !self.session || self.session === this.session) return;
    this.leaveFor(self.phone ? "phone" : "taken");
  }

  /** The node is gone, and perhaps it was the one that has just let us in: then this connection never comes. */
  #restarted() {
    if (this.phase === "joining") this.shaken = true;
    else this.#rejoinSoon(Math.random() * 300);
  }

  #channelChanged(channel) {
    if (channel === "connected" && this.phase === "inside") this.#resume();
  }

  /** The machine has slept: its own clocks know nothing of it, so neither connection would notice for long that it is dead. */
  #wake() {
    if (this.phase !== "inside" && this.phase !== "joining") return;
    this.connection?.findWay();
    renew(); // once it is there the seat is looked after
  }

  /** The machine has a network again, perhaps another one: try it at once. */
  #moved() {
    this.connection.findWay();
    this.#resume();
  }

  /** Where packets came and none come any more, the network has changed or is gone. */
  async #look() {
    if (this.phase !== "inside" || this.connection.pc.connectionState !== "connected") return;
    const { connection } = this;
    const arrived = await connection.arrived();
    const before = this.flow;
    const still = before?.connection === connection && arrived === before.arrived;
    this.flow = { connection, arrived, still: still ? before.still + 1 : 0 };
    if (before?.still >= STILL_LOOKS && !still) this.dispatchEvent(new CustomEvent("back"));
    if (this.flow.still !== STILL_LOOKS || arrived <= FLOWING) return;
    this.dispatchEvent(new CustomEvent("lost")); // a browser says so seconds later
    connection.findWay();
  }

  /** Goes on in the seat: with the same connection, if that comes back within `patience` ms, else with a new one. */
  async #resume(patience = AFTER_RETURN_MS) {
    try {
      const entrance = await this.refresh();
      if (this.phase !== "inside") return;
      if (entrance.snapshot.head.state === "ended") return this.leaveFor("ended");
      if (entrance.me === null) return this.#rejoinSoon(0);
      this.#checkSeat();
      if (this.connection.pc.connectionState === "connected") return;
      if (patience > 0) this.connection.findWay(); // one that has failed looks for none by itself
      this.#rejoinSoon(patience);
    } catch (error) {
      if (FINAL.has(error.code)) this.leaveFor(error.code, error.message);
      else {
        console.info("not back yet:", error.code ?? error.message);
        if (patience === 0) this.#soon(PATIENCE_MS, () => this.#resume(0));
      }
    }
  }

  #mediaChanged(name, from) {
    if (from !== this.connection || this.phase === "gone") return;
    if (name === "connected") {
      clearTimeout(this.timer);
      this.dispatchEvent(new CustomEvent("back"));
    }
    if (name === "disconnected" || name === "failed") {
      this.dispatchEvent(new CustomEvent("lost"));
      if (name === "failed") return this.#soon(0, () => this.#resume(0)); // perhaps it was ended: the seat may be another's
      from.findWay();
      this.#soon(PATIENCE_MS, () => this.#resume());
    }
  }

  #rest(rests) {
    this.dispatchEvent(new CustomEvent("rest", { detail: { rests } }));
  }

  #rejoinSoon(delay) {
    this.#soon(delay, () => this.join());
  }

  /** Does it after a while, unless the connection has come back by then. */
  #soon(delay, step) {
    if (this.phase !== "inside") return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (delay < AFTER_RETURN_MS || this.connection.pc.connectionState !== "connected") step();
    }, delay);
  }
}
