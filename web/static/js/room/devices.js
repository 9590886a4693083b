// Microphone, camera and screen of this machine: opening, choosing, closing, and in which words a failure is told.

import { recall, remember } from "../store.js";

const SMALL_SCREEN = matchMedia("(max-width: 699.98px)");

/** How large the camera is captured: less on phones and where the person saves data. */
export function captureSize() {
  const saving = navigator.connection?.saveData === true;
  return SMALL_SCREEN.matches || saving ? { width: 640, height: 360, frameRate: 15 } : { width: 960, height: 540, frameRate: 24 };
}

/** Name of the text that explains why a device did not open. */
export function reasonOf(error, kind) {
  if (!navigator.mediaDevices) return "notSecure";
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "denied";
  if (error.name === "NotReadableError" || error.name === "AbortError") return "inUse";
  return kind === "video" ? "noCamera" : "noMicrophone";
}

/** The same, where only one of the two devices is spoken of: the text says what still works without it. */
export function reasonOfOne(error, kind) {
  const reason = reasonOf(error, kind);
  return reason !== "denied" ? reason : kind === "video" ? "deniedCamera" : "deniedMicrophone";
}

const chosen = (kind) => recall(`device:${kind}`);

/** Remembers which device of a kind (audioinput, videoinput, audiooutput) this machine uses. */
export function choose(kind, deviceId) {
  remember(`device:${kind}`, deviceId || null);
}

/** The chosen loudspeaker, or "" for the default. */
export function loudspeaker() {
  return chosen("audiooutput") ?? "";
}

/** All devices of a kind, the chosen one marked. */
export async function list(kind) {
  const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const wanted = chosen(kind);
  return found.filter((device) => device.kind === kind).map(({ deviceId, label }) => ({ deviceId, label, chosen: deviceId === wanted }));
}

/** The microphone's track. Rejects with the browser's error. */
export async function openMicrophone() {
  const wanted = chosen("audioinput");
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  if (wanted) audio.deviceId = { ideal: wanted };
  return one({ audio });
}

/** The camera's track, so large as `captureSize` says. Rejects with the browser's error. */
export async function openCamera() {
  const wanted = chosen("videoinput");
  const { width, height, frameRate } = captureSize();
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate, max: 30 } };
  if (wanted) video.deviceId = { ideal: wanted };
  const track = await one({ video });
  track.contentHint = "motion";
  return track;
}

/** A window or the screen, chosen by the person; text stays sharp. Rejects when they change their mind. */
export async function openScreen() {
  const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 20 } }, audio: false });
  const [track] = stream.getVideoTracks();
  track.contentHint = "detail";
  return track;
}

/** Calls `again` when the person allows a device ("microphone", "camera") after all, where the browser tells it. */
export async function onAllowed(line, again) {
  try {
    const permission = await navigator.permissions.query({ name: line });
    permission.addEventListener("change", () => { if (permission.state === "granted") again(); });
  } catch (error) {
    console.info("permissions are not told of:", error.message); // older Firefox; the button opens the device as well
  }
}

async function one(constraints) {
  if (!navigator.mediaDevices) throw new DOMException("no devices on an insecure page", "NotSupportedError");
  const stream = await navigator.mediaDevices.getUserMedia(constraints);
  return stream.getTracks()[0];
}

/** Measures a track; `show(level)` is called about 15 times a second with 0…1. Gives a function that stops it. */
export function measure(track, show) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
    show(Math.min(1, Math.sqrt(power) * 6));
  }, 66);
  return () => {
    clearInterval(timer);
    context.close();
  };
}
