// The operator's page renews trunk and log by itself as long as calls run: what becomes of a test call is seen at once.

import { renew } from "./renew.js";
import { tick } from "./time.js";

const PAUSE_MS = 2000;
const PARTS = ["#telephone-state", "#telephone-log"];

async function look() {
  if (document.visibilityState === "visible") {
    for (const part of PARTS) if (await renew(part, `/telephone${location.search}`)) tick(document.querySelector(part));
  }
  wait();
}

function wait() {
  if (document.querySelector("[data-changing]")) setTimeout(look, PAUSE_MS);
}

wait();
