// Lists of directives, and the home page, renew themselves when something came or changed.

import { calmly, renew } from "./renew.js";
import { tick } from "./time.js";

const busy = () => document.querySelector("main form[data-sending], main form[role=search]:focus-within, main [data-undo-row][hidden], dialog[open]") !== null;

const refresh = calmly(async () => {
  if (busy()) return;
  if (await renew("main")) tick(document.querySelector("main"));
}, 400);

for (const kind of ["directive.issued", "directive.waiting", "directive.released", "directive.held", "directive.handed_back", "directive.clerk_wanted", "delivery.changed", "delivery.assigned", "delivery.reminder", "delivery.escalated"]) {
  document.addEventListener(`giaoban:${kind}`, refresh);
}
