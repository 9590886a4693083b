// Lists of directives, and the home page, renew themselves when something came or changed.

import { calmly, renew } from "./renew.js";
import { tick } from "./time.js";

const AIM_MS = 700; // nobody can have meant a button that came under their finger a moment ago: it may issue, or confirm
let moved = -AIM_MS;

const busy = () => document.querySelector("main form[data-sending], main form[role=search]:focus-within, main [data-undo-row][hidden], dialog[open]") !== null;
const said = (form) => [...new FormData(form)].filter(([name]) => !["csrf", "command_id"].includes(name)).join("&");
const buttons = () => [...document.querySelectorAll("main form")].map((form) => `${form.action}?${said(form)} ${Math.round(form.getBoundingClientRect().top)}`).join("\n");

const refresh = calmly(async () => {
  if (busy()) return;
  let before = "";
  if (!(await renew("main", location.href, () => { before = buttons(); }))) return;
  tick(document.querySelector("main"));
  if (before && buttons() !== before) moved = performance.now(); // where there was none nobody was aiming
}, 400);

document.addEventListener("click", (event) => {
  if (performance.now() - moved < AIM_MS && event.target.closest("main form button")) event.preventDefault();
}, true);

for (const kind of ["directive.issued", "directive.waiting", "directive.released", "directive.held", "directive.handed_back", "directive.clerk_wanted", "directive.recalled", "delivery.changed", "delivery.assigned", "delivery.reminder", "delivery.escalated"]) {
  document.addEventListener(`giaoban:${kind}`, refresh);
}
