// Pages without a network: keeps the service worker (sw.js) in the picture, says when a page is a kept copy, and shows
// confirmations that wait on this device until they are sent.

import { onState } from "./channel.js";
import { accountId, csrf, icon, make, timeZone, unitId, unitIds, word } from "./page.js";
import { offerPush, refreshPush, startPush } from "./push.js";
import { now } from "./time.js";
import { toast } from "./toast.js";

const keptAt = document.documentElement.dataset.keptAt;
const clock = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
const RENEW_MS = 10000;
let shown = 0;

function showKept() {
  const line = document.getElementById("kept");
  line.querySelector("span").textContent = word("kept", { time: clock.format(new Date(keptAt)) });
  line.hidden = false;
}

function loadedFiles() {
  const urls = performance.getEntriesByType("resource").map(({ name }) => new URL(name));
  return urls.filter(({ origin, pathname }) => origin === location.origin && /^\/(static|vendor)\//.test(pathname)).map(({ href }) => href);
}

function queued(worker) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    worker.postMessage({ type: "queue", account: accountId }, [port2]);
  });
}

// Where the button was pressed without a network there stands what became of it, instead of the button. What was pressed for
// another unit is only said: it waits until the person acts there.
async function showQueued(worker) {
  const items = await queued(worker);
  const here = items.filter(({ unit }) => !unit || unit === unitId);
  if (items.length > here.length) toast(word("queueElsewhere", { count: items.length - here.length }));
  for (const { directive, made } of here) {
    for (const form of document.querySelectorAll(`form[action="/directives/${directive}/register"]`)) {
      const text = word("queueWaits", { time: clock.format(new Date(made)) });
      form.replaceWith(make("div", { class: "notice notice-blue", role: "status", data: { queued: directive } }, icon("info"), make("p", { class: "notice-body" }, text)));
      shown += 1;
    }
  }
}

function told({ data }) {
  if (data.type !== "sent") return;
  for (const { directive, title } of data.refused) {
    const text = word("queueRefused", { reason: title ?? word("queueNoRole") });
    const note = document.querySelector(`[data-queued="${directive}"] p`);
    if (note) note.textContent = text;
    toast(text, { stay: Infinity });
  }
  if (data.refused.length) return;
  if (keptAt || shown) location.reload();
  else toast(word("queueSent"));
}

// A document that is being recalled is worked by no more, and of one that the unit has given up no copy stays on the device.
function forgetRecalled(worker) {
  const forget = (directive) => worker.postMessage({ type: "forget", directive });
  document.addEventListener("giaoban:directive.recalled", ({ detail }) => forget(detail.directive));
  document.addEventListener("giaoban:delivery.changed", ({ detail: { directive, state, units } }) => {
    if (state === "RECALLED" && units.includes(unitId)) forget(directive);
  });
}

// The page is from before: the new one says hello, and what waits is sent. Not again and again where only pages fail.
function renew() {
  const left = RENEW_MS - (Date.now() - Number(sessionStorage.getItem("renewed")));
  if (left > 0) return void setTimeout(renew, left);
  sessionStorage.setItem("renewed", Date.now());
  location.reload();
}

async function start() {
  navigator.serviceWorker.addEventListener("message", told);
  navigator.serviceWorker.register("/sw.js").catch((error) => console.info("no service worker:", error.message));
  const registration = await navigator.serviceWorker.ready;
  const worker = registration.active;
  forgetRecalled(worker);
  await showQueued(worker);
  if (!keptAt) {
    worker.postMessage({ type: "hello", account: accountId, unit: unitId, units: unitIds, csrf, offset: now() - Date.now(), files: loadedFiles() });
    refreshPush(registration);
  }
  onState((state) => {
    if (state !== "connected") return;
    if (keptAt) {
      worker.postMessage({ type: "alive" });
      renew();
    } else worker.postMessage({ type: "flush" });
  });
}

if (keptAt) showKept();
if (navigator.serviceWorker && accountId) start();
startPush();
offerPush().catch((error) => console.info("notifications are not offered:", error.message));
