// A page of the `screen` bench: it shares a page full of small text, beside camera and voice, or reads what arrives.
// Text is read as a machine would: each letter on its place is taken for that one of the alphabet which it looks most like.

import { Connection } from "/static/js/room/connection.js";
import { openCamera, openMicrophone, openScreen } from "/static/js/room/devices.js";

const WIDTH = 1920;
const HEIGHT = 1080;
const FONT = "16px 'DejaVu Sans Mono'"; // as a document's text at its usual size
const CELL = { width: 10, height: 22, left: 560, top: 100, columns: 80, rows: 40, baseline: 17 }; // a page of A4 in the middle
const ALPHABET = "abcdeghiklmnopqrstuvxyàáảãạăâđèéẻẽẹêìíỉĩịòóỏõọôơùúủũụưỳýỷỹỵ0123456789"; // of which one stays within its cell
const READ_EVERY_MS = 200;
const EVERY_ROW = 4; // of so many rows one is read
const FRAME_MS = 50;
const samples = [];
let connection;
window.expected = 0; // the page that is to be read; null: none

/** Letters of page `number`, the same wherever it is made; about every sixth is a gap between words. */
function letters(number) {
  let state = number * 2654435761 + 1;
  const next = (count) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return (state >>> 8) % count; };
  const line = () => Array.from({ length: CELL.columns }, () => (next(6) ? ALPHABET[next(ALPHABET.length)] : " "));
  return Array.from({ length: CELL.rows }, line);
}

function surface(width = WIDTH, height = HEIGHT) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(drawing, { font: FONT, textBaseline: "alphabetic" });
  return { canvas, drawing };
}

function write(drawing, text, shift = 0) {
  drawing.fillStyle = "white";
  drawing.fillRect(0, 0, WIDTH, HEIGHT);
  drawing.fillStyle = "#222";
  for (const [row, line] of text.entries()) {
    for (const [column, letter] of line.entries()) drawing.fillText(letter, CELL.left + column * CELL.width, CELL.top + CELL.baseline + row * CELL.height - shift);
  }
}

// ---- sharing

const shared = surface();
const sheet = surface(WIDTH, 2 * HEIGHT);
const show = { page: 0, scrolling: false, shift: 0, tick: 0 };

function turn(number) {
  show.page = number;
  show.text = letters(number);
  show.shift = 0;
  write(sheet.drawing, show.text);
}

/** A pointer that wanders about, at times a page that is scrolled: what is shared never stands quite still. */
function draw() {
  show.tick += 1;
  if (show.scrolling) {
    show.shift = (show.shift + 12) % (CELL.rows * CELL.height / 2);
    write(sheet.drawing, show.text, show.shift);
  }
  shared.drawing.drawImage(sheet.canvas, 0, 0);
  shared.drawing.fillStyle = "#c00";
  shared.drawing.fillRect(960 + 700 * Math.sin(show.tick / 20), 1050, 14, 20);
}

window.turn = turn;
window.scroll = (on) => { show.scrolling = on; if (!on) turn(show.page); };

window.offer = async (publishing) => {
  connection = new Connection({ onState: (name) => console.info("connection:", name) });
  if (publishing) {
    turn(0);
    setInterval(draw, FRAME_MS);
    document.body.replaceChildren(shared.canvas);
    document.body.style.margin = 0;
    const { mediaDevices } = navigator;
    const capture = mediaDevices.getDisplayMedia.bind(mediaDevices);
    mediaDevices.getDisplayMedia = (constraints) => capture({ ...constraints, preferCurrentTab: true });
    for (const [line, open] of Object.entries({ microphone: openMicrophone, camera: openCamera })) await connection.put(line, await open());
  } else connection.pc.addEventListener("track", ({ track }) => { if (track.kind === "audio") play(track); });
  return connection.offer();
};

window.share = async () => connection.put("screen", await openScreen());

window.accept = async (joined) => {
  await connection.accept(joined);
  if (joined.reads) read(play(connection.slots.get(0)), play(connection.slots.get(1)));
};

/** What the node has said about this participant, as its control process tells the room's page. */
window.hear = (event) => {
  if (event.type === "layers_wanted") connection.sendLayers(event.kind, event.rids, event.codec);
  if (event.type === "voice_wanted") connection.setVoice({ kbps: event.kbps, frameMs: event.frame_ms });
};

// ---- reading

function play(track) {
  const element = Object.assign(document.createElement(track.kind), { autoplay: true, playsInline: true, muted: track.kind === "video" });
  element.srcObject = new MediaStream([track]);
  document.body.append(element);
  return element;
}

/** The grey of a row of cells, one array a cell. */
function greys(drawing, row, count = CELL.columns) {
  const width = count * CELL.width;
  const { data } = drawing.getImageData(CELL.left, CELL.top + row * CELL.height, width, CELL.height);
  return Array.from({ length: count }, (_, cell) => Float32Array.from({ length: CELL.width * CELL.height }, (__, n) => {
    const at = 4 * (Math.floor(n / CELL.width) * width + cell * CELL.width + (n % CELL.width));
    return 0.3 * data[at] + 0.6 * data[at + 1] + 0.1 * data[at + 2];
  }));
}

function templates() {
  const { drawing } = surface();
  write(drawing, [[...ALPHABET]]);
  return greys(drawing, 0, ALPHABET.length);
}

function distance(one, other) {
  let sum = 0;
  for (let n = 0; n < one.length; n += 1) sum += (one[n] - other[n]) ** 2;
  return sum;
}

/** The share of letters of page `number` that are read rightly. */
function legible(drawing, number, known) {
  const text = letters(number);
  let [right, all] = [0, 0];
  for (let row = 0; row < CELL.rows; row += EVERY_ROW) {
    for (const [column, cell] of greys(drawing, row).entries()) {
      if (text[row][column] === " ") continue;
      const distances = known.map((template) => distance(cell, template));
      all += 1;
      right += ALPHABET[distances.indexOf(Math.min(...distances))] === text[row][column];
    }
  }
  return right / all;
}

function read(screen) {
  const known = templates();
  const { drawing } = surface();
  const look = async () => {
    drawing.drawImage(screen, 0, 0, WIDTH, HEIGHT);
    const at = performance.now() / 1000;
    const page = window.expected;
    const share = page === null ? 0 : legible(drawing, page, known);
    const inbound = [...(await connection.pc.getStats()).values()].filter((one) => one.type === "inbound-rtp");
    const of = (mid) => inbound.find((one) => one.trackIdentifier === connection.slots.get(mid).id) ?? {};
    const voice = inbound.filter((one) => one.kind === "audio").sort((one, other) => other.packetsReceived - one.packetsReceived)[0] ?? {};
    samples.push({
      at, page: page ?? -1, share, frames: of(0).framesDecoded ?? 0, width: of(0).frameWidth ?? 0,
      camera: of(1).framesDecoded ?? 0, keys: of(0).keyFramesDecoded ?? 0, bytes: of(0).bytesReceived ?? 0,
      packets: voice.packetsReceived ?? 0, sound: voice.totalSamplesReceived ?? 0, concealed: voice.concealedSamples ?? 0,
    });
    setTimeout(look, READ_EVERY_MS);
  };
  look();
}

window.clock = () => performance.now() / 1000;
window.samples = () => samples;

/** What is sent, line by line, and what Chromium takes the way out to carry. */
window.sent = async () => {
  const all = [...(await connection.pc.getStats()).values()];
  return {
    carries: all.find((one) => one.type === "candidate-pair" && one.nominated)?.availableOutgoingBitrate ?? 0,
    lines: all.filter((one) => one.type === "outbound-rtp").map((one) => ({
      name: `${one.kind}${one.rid ?? ""}`, bytes: one.bytesSent, again: one.retransmittedBytesSent ?? 0,
      frames: one.framesEncoded ?? 0, keys: one.keyFramesEncoded ?? 0, target: one.targetBitrate ?? 0,
    })),
  };
};
window.ready = true;
