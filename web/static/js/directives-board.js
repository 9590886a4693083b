// The issuer's board: every change of a unit shows at once. What is open stays open, and only open branches are asked for
// with their lines.

import { onState, watch } from "./channel.js";
import { calmly, renew } from "./renew.js";
import { tick } from "./time.js";

const id = document.getElementById("board").dataset.directive;

function address() {
  const asked = new URLSearchParams(location.search);
  asked.delete("open");
  const open = [...document.querySelectorAll("[data-branch-key][open]")].map(({ dataset }) => dataset.branchKey);
  for (const key of open.length ? open : ["none"]) asked.append("open", key);
  return `/directives/${id}/board?${asked}`;
}

/** A closed branch came without its lines: it keeps those it had, until somebody opens it and new ones are there. */
function keepLines(old, made) {
  for (const branch of made.querySelectorAll("[data-branch-key]")) {
    const lines = old.querySelector(`#${CSS.escape(branch.id)} > .table-wrap`);
    if (lines && !branch.querySelector(":scope > .table-wrap")) branch.querySelector(":scope > .branch-unread").replaceWith(document.adoptNode(lines));
  }
}

/** What was ticked stays so, as long as the answer is the one that was read. */
function keepTicks(old, made) {
  for (const { value } of old.querySelectorAll("input[name=answers]:checked")) {
    const tick = made.querySelector(`input[name=answers][value="${value}"]`);
    if (tick) tick.checked = true;
  }
}

function settle(old, made) {
  keepTicks(old, made);
  keepLines(old, made);
}

const refresh = calmly(async () => {
  if (document.querySelector("#accept-many[data-sending]")) return;
  if (await renew("#board", address(), settle)) tick(document.getElementById("board"));
}, 250);

watch([`board:${id}`]).catch((error) => console.info("board not followed:", error.code));
for (const kind of ["board.changed", "delivery.changed"]) {
  document.addEventListener(`giaoban:${kind}`, ({ detail }) => { if (String(detail.directive) === id) refresh(); });
}
// What happened while the connection was away, or between the making of the page and now.
onState((state) => { if (state === "connected") refresh(); });
// Enter and Space are clicks, too. The branch opens after the click.
document.addEventListener("click", ({ target }) => { if (target.closest("#board .branch > summary")) setTimeout(refresh); });
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-tick-all]")) return;
  for (const one of document.querySelectorAll(`#board [open] input[name=${target.dataset.tickAll}]`)) one.checked = target.checked;
});
