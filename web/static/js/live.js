// Signed-in pages: says quietly when the connection is lost or the server stops, and announces a new directive by bell, title and toast.

import { onState } from "./channel.js";
import "./meetings.js";
import "./offline.js";
import { accountId, word } from "./page.js";
import { ring, startSound } from "./sound.js";
import { raiseTitleCount } from "./title.js";
import { toast } from "./toast.js";

const PATIENCE_MS = 1500; // a page that is only changing networks for a moment says nothing
let timer = 0;

let leaving = false; // the server has said that it stops: no patience is needed
const line = document.getElementById("connection");

function show(text = leaving ? "leaving" : "lost") {
  line.querySelector("span").textContent = word(text);
  line.hidden = false;
}

onState((state) => {
  clearTimeout(timer);
  if (state === "lost") timer = setTimeout(show, PATIENCE_MS);
  else if (state === "elsewhere") show("elsewhere");
  else if (state === "connected") {
    leaving = false;
    line.hidden = true;
  }
});

document.addEventListener("giaoban:server.leaving", () => {
  leaving = true;
  show();
});

/** What is only an exercise says so first. */
function marked(detail, text) {
  return detail.exercise ? `[${word("exercise")}] ${text}` : text;
}

/** By bell, title and a toast that stays; `text` names the words. */
function announce(detail, text, urgent) {
  raiseTitleCount();
  ring(urgent);
  const fields = { subject: detail.subject ?? "", unit: detail.unit_names?.[0] ?? "" };
  toast(marked(detail, word(text, fields)), {
    iconName: "bell",
    stay: Infinity,
    action: detail.href ? { label: word("open"), href: detail.href } : null,
  });
}

document.addEventListener("giaoban:directive.issued", ({ detail }) => {
  announce(detail, "newDirective", detail.urgency !== undefined && detail.urgency !== "NORMAL");
});

// A recall is for all of the unit: whoever works by the document stops.
document.addEventListener("giaoban:directive.recalled", ({ detail }) => announce(detail, "recalled", true));

// A reminder, an escalation, work given to people, or what became of a delivery, a draft or a signed directive is for those it
// names; all others of the unit find it on their pages.
const NEWS = {
  to_assign: "toAssign",
  answered: "answered",
  accepted: "accepted",
  rework: "rework",
  returned: "returned",
  recall_refused: "recallRefused",
  waived: "waived",
  replaced: "replaced",
  asked: "asked",
  granted: "granted",
  refused: "refused",
  pressed: "pressed",
};
const FOR_SOME = {
  "delivery.reminder": "reminder",
  "delivery.escalated": "escalated",
  "delivery.assigned": "assigned",
  "delivery.news": ({ what }) => NEWS[what],
  "directive.released": "released",
  "directive.held": "held",
  "directive.handed_back": "handedBack",
  "directive.clerk_wanted": "clerkWanted",
};
for (const [kind, text] of Object.entries(FOR_SOME)) {
  document.addEventListener(`giaoban:${kind}`, ({ detail }) => {
    if (!(detail.accounts ?? []).map(String).includes(accountId)) return;
    announce(detail, typeof text === "string" ? text : text(detail), kind === "delivery.escalated" || detail.what === "pressed");
  });
}

startSound();
