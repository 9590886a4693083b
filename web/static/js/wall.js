// The leader's wall renews itself: when a unit comes or goes, when something changes, and as time passes.

import { onState, watch } from "./channel.js";
import { calmly, renew } from "./renew.js";

const fill = document.querySelector("[data-full-screen]");
if (fill && document.fullscreenEnabled) {
  const page = document.documentElement;
  const show = () => { fill.hidden = document.fullscreenElement !== null; }; // Escape leads back
  fill.addEventListener("click", () => page.requestFullscreen({ navigationUI: "hide" }).catch((error) => console.info("no full screen:", error.message)));
  document.addEventListener("fullscreenchange", show);
  show();
}

const MINUTE_MS = 60_000;
const refresh = calmly(() => renew("#main"), 1000);

watch(["presence"]).catch((error) => console.info("presence not followed:", error.code));
for (const kind of ["presence.changed", "directive.issued", "delivery.changed", "delivery.escalated"]) {
  document.addEventListener(`giaoban:${kind}`, refresh);
}
onState((state) => { if (state === "connected") refresh(); });
setInterval(refresh, MINUTE_MS);
