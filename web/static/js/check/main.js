// /check: tries whether this place can take part, step by step, and says it in one sentence.

import { onState, send } from "../channel.js";
import { icon, make, number, word } from "../page.js";
import { progressOf } from "../progress.js";
import { openCamera, openMicrophone, reasonOf } from "../room/devices.js";
import { iceServers } from "../room/ice.js";
import { Trial } from "./trial.js";
import { verdict } from "./verdict.js";
import { waysOut } from "./ways.js";

const WARM_UP_MS = 3000; // until the browser has found out what the line carries
const MEASURE_MS = 4000;
const CHANNEL_MS = 8000;
const DEVICE_MS = 20000; // a person who does not answer the browser's question
const MARKS = { good: "circle-check", bad: "triangle-alert", now: "loader", ahead: "circle" };
const text = (name, fields) => word(name, fields, "trial-texts");
const page = document.querySelector("[data-trial]");
const button = page.querySelector("[data-action=start]");
const video = page.querySelector("video");
const wait = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
const late = (milliseconds) => new Promise((_, fail) => { setTimeout(fail, milliseconds, new DOMException("no answer", "NotAllowedError")); });

function step(name, state, note = "") {
  const line = page.querySelector(`[data-step=${name}]`);
  line.dataset.state = state;
  line.querySelector("[data-mark]").replaceChildren(icon(MARKS[state]));
  line.querySelector("[data-note]").textContent = note;
}

function say(name, todo = [], tone = "good") {
  const box = page.querySelector("[data-verdict]");
  box.dataset.tone = tone;
  box.querySelector("[data-mark]").replaceChildren(icon(tone === "good" ? "circle-check" : tone === "now" ? "info" : "triangle-alert"));
  box.querySelector("[data-says]").textContent = name;
  box.querySelector("[data-todo]").replaceChildren(...todo.map((one) => make("li", {}, one)));
}

function details(facts) {
  const percent = (share) => `${number(Math.round(share * 1000) / 10)} %`;
  const lines = {
    path: facts.media === "none" ? "–" : `${facts.media} (${facts.protocol})`,
    up: `${number(facts.up)} kbit/s`, down: `${number(facts.down)} kbit/s`,
    lossUp: percent(facts.lossUp), lossDown: percent(facts.lossDown), rtt: `${number(Math.round(facts.rtt * 1000))} ms`,
    pictures: number(facts.pictures), sound: text(facts.sound ? "yes" : "no"), browser: navigator.userAgent,
  };
  page.querySelector("[data-facts]").replaceChildren(...Object.entries(lines).map(([name, value]) =>
    make("div", { class: "fact" }, make("dt", {}, text(name)), make("dd", {}, value))));
}

/** Waits until the live channel is there, and measures one question. Gives seconds, or null. */
async function tryServer() {
  const connected = new Promise((done) => { onState((state) => { if (state === "connected") done(true); }); });
  if (!await Promise.race([connected, wait(CHANNEL_MS).then(() => false)])) return null;
  const begin = performance.now();
  await send("meeting.ice");
  return (performance.now() - begin) / 1000;
}

/** The track, unless the person takes too long to say yes; a yes that comes later starts nothing. */
async function inTime(opening) {
  try {
    return await Promise.race([opening, late(DEVICE_MS)]);
  } catch (error) {
    opening.then((track) => track.stop(), () => {});
    throw error;
  }
}

async function open(name, kind, opener) {
  step(name, "now");
  try {
    const track = await inTime(opener());
    step(name, "good", track.label);
    return { track, problem: "" };
  } catch (error) {
    const problem = reasonOf(error, kind);
    step(name, "bad", text(problem));
    return { track: null, problem };
  }
}

async function tryLine(trial, microphone, camera) {
  step("media", "now");
  const facts = { media: "none", protocol: "", up: 0, down: 0, lossUp: 0, lossDown: 0, rtt: 0, pictures: 0, sound: false };
  if (!await trial.connect({ microphone, camera })) {
    step("media", "bad", text("mediaBlocked"));
    return facts;
  }
  Object.assign(facts, await trial.path());
  step("media", "good", text(facts.media === "relay" ? "mediaRelayed" : "mediaDirect"));
  if (trial.returned && camera) video.srcObject = new MediaStream([trial.returned]);
  step("line", "now");
  const begin = performance.now();
  const show = progressOf(page.querySelector("[data-progress]"));
  const timer = setInterval(() => show(performance.now() - begin, WARM_UP_MS + MEASURE_MS), 200);
  await wait(WARM_UP_MS);
  Object.assign(facts, await trial.measure(MEASURE_MS));
  clearInterval(timer);
  return facts;
}

/** Says way by way what this network lets through: the direct one, which the trial has tried, and those to the relay. */
function tellWays(ways) {
  const told = Object.entries(ways).map(([kind, open]) => text(open ? "wayOpen" : "wayShut", { way: text(`way${kind[0].toUpperCase()}${kind.slice(1)}`) }));
  step("ways", Object.values(ways).some(Boolean) ? "good" : "bad", told.join("\n"));
}

async function run() {
  for (const name of ["server", "microphone", "camera", "media", "ways", "line"]) step(name, "ahead");
  say(text("running"), [], "now");
  page.dataset.state = "running";
  step("server", "now");
  const seconds = await tryServer();
  if (seconds === null) {
    step("server", "bad");
    return say(text("noServer"), [text("askNetwork"), text("byTelephone")], "bad");
  }
  step("server", "good", `${number(Math.round(seconds * 1000))} ms`);
  step("ways", "now");
  const relays = waysOut(await iceServers()); // beside the rest
  const devices = await Promise.all([open("microphone", "audio", openMicrophone), open("camera", "video", openCamera)]);
  const [microphone, camera] = devices;
  const trial = new Trial();
  try {
    const facts = await tryLine(trial, microphone.track, camera.track);
    const ways = { direct: facts.media === "udp", ...await relays };
    tellWays(ways);
    finish({ ...facts, ways, microphone: microphone.problem, camera: camera.problem });
  } finally {
    trial.close();
    for (const { track } of devices) track?.stop();
    video.srcObject = null;
  }
}

function finish(facts) {
  const found = verdict(facts);
  if (facts.media !== "none") {
    step("line", ["tooWeak", "voiceOnly", "listenWeak"].includes(found.word) ? "bad" : "good", text("rates", { up: number(facts.up), down: number(facts.down) }));
  }
  say(text(found.word), found.todo.map((name) => text(name)), found.word === "good" ? "good" : "bad");
  details(facts);
  page.result = { ...facts, ...found };
}

async function start() {
  button.hidden = true;
  try {
    await run();
  } catch (error) {
    console.info("the trial has failed:", error.code ?? error.message);
    for (const line of page.querySelectorAll("[data-step][data-state=now]")) step(line.dataset.step, "ahead");
    say(error.code ? error.message : text("failed"), [], "bad");
  } finally {
    page.dataset.state = "done";
    button.querySelector("span").textContent = text("again");
    button.hidden = false;
  }
}

button.addEventListener("click", start);
page.dataset.state = "ready";
