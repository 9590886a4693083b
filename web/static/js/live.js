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

function show() {
  line.querySelector("span").textContent = word(leaving ? "leaving" : "lost");
  line.hidden = false;
}

onState((state) => {
  clearTimeout(timer);
  if (state === "lost") timer = setTimeout(show, PATIENCE_MS);
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

document.addEventListener("giaoban:directive.issued", ({ detail }) => {
  raiseTitleCount();
  ring(detail.urgency !== undefined && detail.urgency !== "NORMAL");
  toast(marked(detail, word("newDirective", { subject: detail.subject ?? "" })), {
    iconName: "bell",
    stay: Infinity,
    action: detail.href ? { label: word("open"), href: detail.href } : null,
  });
});

// A reminder, an escalation, work given to people, or what became of a draft or a signed directive is for those it names; all
// others of the unit find it on their pages.
const FOR_SOME = {
  "delivery.reminder": "reminder",
  "delivery.escalated": "escalated",
  "delivery.assigned": "assigned",
  "directive.released": "released",
  "directive.held": "held",
  "directive.handed_back": "handedBack",
  "directive.clerk_wanted": "clerkWanted",
};
for (const [kind, text] of Object.entries(FOR_SOME)) {
  document.addEventListener(`giaoban:${kind}`, ({ detail }) => {
    if (!(detail.accounts ?? []).map(String).includes(accountId)) return;
    raiseTitleCount();
    ring(kind === "delivery.escalated");
    toast(marked(detail, word(text, { subject: detail.subject ?? "" })), {
      iconName: "bell",
      stay: Infinity,
      action: detail.href ? { label: word("open"), href: detail.href } : null,
    });
  });
}

startSound();
