// The room's page: the door (device check) first, then the room; both in one document. See reconnect.js for coming back.

import { Chair } from "./chair.js";
import { Controls } from "./controls.js";
import { Door } from "./door.js";
import { openCamera, openMicrophone } from "./devices.js";
import { Grid } from "./grid.js";
import { Hearing } from "./hearing.js";
import { Health } from "./health.js";
import { Lines } from "./lines.js";
import { Notices, showGone } from "./notices.js";
import { Panel } from "./panel.js";
import { Session } from "./reconnect.js";
import { Roster } from "./roster.js";
import { Voices } from "./sound.js";
import { Telephone } from "./telephone.js";
import { RoomState } from "./state.js";
import { word } from "../page.js";

const room = document.querySelector("[data-room]");
const doorElement = document.querySelector("[data-door]");
const inside = document.querySelector("[data-inside]");
const meeting = Number(room.dataset.room);
const returning = `in-meeting:${meeting}`; // in this window's memory: a reload goes straight back in
const tracks = { microphone: null, camera: null, screen: null };
const OPENING_MS = 2000; // that devices usually take
const joinButton = doorElement.querySelector("[data-action=join]");

function start() {
  const state = new RoomState(() => session.refresh().catch((error) => console.info("no news yet:", error.message)));
  const session = new Session(meeting, state, { tracks });
  const voices = new Voices(room.querySelector("[data-unlock]"));
  const grid = new Grid(room, state, tracks);
  const controls = new Controls(room, state, tracks, session);
  const notices = new Notices(room, state, tracks, voices);
  new Roster(room, state);
  new Chair(room, state, meeting, new Panel(room), voices);
  const lines = new Lines(room, state, meeting);
  new Health(session, meeting);
  new Hearing(session);
  new Telephone(room, session, notices, meeting);
  room.room = { state, session, grid, controls, tracks, lines };

  session.addEventListener("joined", async ({ detail }) => {
    voices.attach(detail.connection);
    await controls.attach(detail.connection, detail.microphone);
    grid.attach(detail.connection);
    notices.setLost(false);
    notices.setLink({ quality: "good", rung: "full" });
    notices.setRest(false);
    room.dataset.joined = String(Number(room.dataset.joined ?? 0) + 1);
  });
  session.addEventListener("link", ({ detail }) => {
    grid.setPaused(detail.paused);
    notices.setLink(detail);
  });
  session.addEventListener("rest", ({ detail }) => notices.setRest(detail.rests));
  session.addEventListener("lost", () => notices.setLost(true));
  session.addEventListener("back", () => notices.setLost(false));
  session.addEventListener("gone", ({ detail }) => {
    sessionStorage.removeItem(returning);
    for (const track of Object.values(tracks)) track?.stop();
    showGone(detail.why, detail.message);
  });
  wireViews(grid);
  sessionStorage.setItem(returning, JSON.stringify({ microphone: Boolean(tracks.microphone), camera: Boolean(tracks.camera) }));
  addEventListener("pagehide", () => {
    if (session.phase === "inside") sessionStorage.setItem(returning, JSON.stringify({ microphone: Boolean(tracks.microphone), camera: Boolean(tracks.camera) }));
  });
  inside.hidden = false;
  return session.join();
}

function wireViews(grid) {
  room.querySelector("[data-action=view-grid]").addEventListener("click", () => grid.setView("grid"));
  room.querySelector("[data-action=view-speaker]").addEventListener("click", () => grid.setView("speaker"));
  room.querySelector("[data-action=full-screen]").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch((error) => console.info("no full screen:", error.message));
  });
}

document.querySelector("[data-action=come-back]").addEventListener("click", () => location.assign(`/meetings/${meeting}/check`));

/** After a reload: the same devices as before, and straight in. Some browsers ask anew whether they may be used: who answers
    later, or never, is in the room meanwhile. */
async function comeBack(before) {
  doorElement.hidden = true;
  const open = async (line, opener) => {
    const track = before[line] && await opener().catch(() => null);
    if (track && room.room) room.room.controls.take(line, track);
    else if (track) tracks[line] = track;
  };
  const opened = Promise.all([open("microphone", openMicrophone), open("camera", openCamera)]);
  await Promise.race([opened, new Promise((done) => { setTimeout(done, OPENING_MS); })]);
  await start();
}

/** Before the chair has begun, the door stays shut; it opens by itself. */
function waitForChair() {
  const line = doorElement.querySelector("[data-check-wait]");
  joinButton.disabled = true;
  line.textContent = word("waiting", {}, "room-texts");
  document.addEventListener("giaoban:meeting.started", ({ detail }) => {
    if (detail.meeting !== meeting) return;
    joinButton.disabled = false;
    line.textContent = word("begun", {}, "room-texts");
    joinButton.focus();
  });
}

function knock() {
  const door = new Door(doorElement, tracks);
  door.open();
  if ("waits" in doorElement.dataset) waitForChair();
  joinButton.addEventListener("click", async () => {
    joinButton.setAttribute("aria-busy", "true");
    await door.close();
    history.replaceState(null, "", `/meetings/${meeting}/room`);
    start();
    room.querySelector(".bar [data-action=microphone]").focus();
  }, { once: true });
  doorElement.dataset.ready = "";
}

const before = sessionStorage.getItem(returning);
if ("return" in doorElement.dataset && before) comeBack(JSON.parse(before));
else knock();
