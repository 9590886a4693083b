// The page's live connection. Events of the unit carry a number (`seq`); the page was rendered at number N and from then
// on every event reaches it exactly once and in order, however often the connection breaks or the server restarts.
//   document event `giaoban:<kind>`   detail = the event's body (numbered events and live notes alike)

import { io } from "/vendor/socket.io.esm.min.js";
import { unitId } from "./page.js";

const ACK_PAUSE_MS = 20;
const ANSWER_MS = 10000;
const REFUSED_RETRY_MS = 3000;
const RETURN_MS = 300;
const HEAD_RETRY_MS = 500;

const inMeeting = "media" in document.documentElement.dataset;
const socket = io({
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnectionDelay: 300,
  reconnectionDelayMax: inMeeting ? 1000 : 3000, // who sits in a meeting waits for each try
  randomizationFactor: 0.5,
  timeout: 5000,
  // Whose page this is: who has switched to another unit beside it is refused. A meeting goes on with whom it has.
  auth: inMeeting ? {} : { unit: unitId },
  // A front server with several processes behind it brings pages with sound and picture to the one that has media nodes.
  query: inMeeting ? { media: 1 } : {},
});
const rooms = new Set();
const listeners = new Set();
const early = new Map(); // seq → [kind, body], came while something before it was missing
let seen = Number(document.documentElement.dataset.headSeq) || 0;
let head = seen; // the last number that we were told there is
let state = "connecting";
let catching = false;
let ackTimer = 0;
let retryTimer = 0;

function setState(next) {
  state = next;
  for (const listener of listeners) listener(next);
}

function dispatch(kind, body) {
  document.dispatchEvent(new CustomEvent(`giaoban:${kind}`, { detail: body }));
}

function acknowledge() {
  clearTimeout(ackTimer);
  ackTimer = setTimeout(() => { if (socket.connected) socket.emit("channel.ack", { seq: seen }); }, ACK_PAUSE_MS);
}

// Takes numbered events in any order and with doubles; hands each on once, when all before it have been.
function take(kind, body) {
  if (body.seq <= seen) return;
  early.set(body.seq, [kind, body]);
  while (early.has(seen + 1)) {
    const [nextKind, nextBody] = early.get(seen + 1);
    seen += 1;
    early.delete(seen);
    dispatch(nextKind, nextBody);
    acknowledge();
  }
}

async function catchUp() {
  if (catching) return;
  catching = true;
  try {
    let before = -1;
    while (before < seen) {
      before = seen;
      const { events } = await send("channel.catch_up", { seq: seen });
      for (const { kind, ...body } of events) take(kind, body);
    }
    acknowledge();
    if (head > seen) setTimeout(catchUp, HEAD_RETRY_MS);
  } catch (error) {
    console.info("catching up failed, again at the next connection:", error.code);
    socket.disconnect();
    comeBack(RETURN_MS);
  } finally {
    catching = false;
  }
}

function comeBack(milliseconds) {
  clearTimeout(retryTimer);
  retryTimer = setTimeout(() => socket.connect(), milliseconds);
}

socket.on("connect", async () => {
  if (rooms.size) socket.emit("channel.watch", { rooms: [...rooms] });
  await catchUp();
  if (socket.connected) setState("connected");
});
socket.on("disconnect", (reason) => {
  setState("lost");
  // Socket.IO comes back by itself, but not when the server said goodbye.
  if (reason === "io server disconnect") comeBack(RETURN_MS + Math.random() * RETURN_MS);
});
socket.on("connect_error", ({ message }) => {
  setState(message === "other_unit" ? "elsewhere" : "lost");
  if (!socket.active) comeBack(REFUSED_RETRY_MS); // refused: not signed in, or the server is still starting
});
socket.onAny((kind, body = {}) => {
  if (kind === "channel.head") {
    head = Math.max(head, body.head);
    if (head > seen && !catching) catchUp();
    return;
  }
  if (!Number.isInteger(body.seq)) return dispatch(kind, body);
  take(kind, body);
  if (early.size && !catching) catchUp();
});

/** Sends a message and gives its answer. Rejects with {code, message}; `no_connection` after ten seconds without one. */
export async function send(name, data = {}) {
  let answer;
  try {
    answer = await socket.timeout(ANSWER_MS).emitWithAck(name, data);
  } catch {
    throw { code: "no_connection", message: document.getElementById("words")?.dataset.failed ?? "" };
  }
  if (answer.error) throw answer.error;
  return answer;
}

/** Follows live rooms such as `board:12`, also after every reconnection. */
export async function watch(names) {
  for (const name of names) rooms.add(name);
  if (socket.connected) await send("channel.watch", { rooms: names });
}

/** Calls back with "connecting", "connected", "lost" or "elsewhere" (the person acts in another unit by now): now, and at each
 *  change. */
export function onState(listener) {
  listeners.add(listener);
  listener(state);
  return () => listeners.delete(listener);
}

/** The number of the last event that this page has seen without a gap. */
export function lastSeen() {
  return seen;
}

/** Connects anew, at once: the connection may be dead without knowing it, or wait for its next try. */
export function renew() {
  socket.disconnect().connect();
}

addEventListener("online", () => { if (!socket.connected) renew(); });
