// The issuer's board: every change of a unit shows at once.

import { onState, watch } from "./channel.js";
import { calmly, renew } from "./renew.js";
import { tick } from "./time.js";

const id = document.getElementById("board").dataset.directive;
const refresh = calmly(async () => {
  if (await renew("#board", `/directives/${id}/board`)) tick(document.getElementById("board"));
}, 250);

watch([`board:${id}`]).catch((error) => console.info("board not followed:", error.code));
for (const kind of ["board.changed", "delivery.changed"]) {
  document.addEventListener(`giaoban:${kind}`, ({ detail }) => { if (String(detail.directive) === id) refresh(); });
}
// What happened while the connection was away, or between the making of the page and now.
onState((state) => { if (state === "connected") refresh(); });
