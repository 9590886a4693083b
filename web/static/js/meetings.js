// Meetings on every page: a unit that is invited or whose meeting begins sees it at once, with the way in.

import { word } from "./page.js";
import { ring } from "./sound.js";
import { toast } from "./toast.js";

const shown = new Map(); // meeting → function that takes its banner away
const room = document.querySelector("[data-room]");
const own = Number(document.querySelector("[data-meeting-page]")?.dataset.meetingPage ?? room?.dataset.room ?? 0);
const fresh = ["/", "/meetings"].includes(location.pathname); // these pages show meetings themselves: drawn anew

function show({ meeting, title }) {
  if (meeting === own || shown.has(meeting)) return;
  const action = { label: word("joinMeeting"), href: `/meetings/${meeting}/check` };
  shown.set(meeting, toast(word("meetingStarted", { title }), { iconName: "bell", stay: Infinity, action }));
}

function redraw({ meeting }) {
  if (room) return false;
  if (!fresh && meeting !== own) return false;
  location.reload();
  return true;
}

document.addEventListener("giaoban:meeting.started", ({ detail }) => {
  if (redraw(detail)) return;
  ring();
  show(detail);
});
document.addEventListener("giaoban:meeting.invited", ({ detail }) => {
  if (redraw(detail) || detail.meeting === own || detail.state === "live") return;
  ring();
  toast(word("meetingInvited", { title: detail.title }), { iconName: "bell", action: { label: word("open"), href: `/meetings/${detail.meeting}` } });
});
document.addEventListener("giaoban:meeting.secretary", ({ detail }) => {
  if (redraw(detail)) return;
  const action = room ? null : { label: word("open"), href: `/meetings/${detail.meeting}` };
  toast(word(detail.appointed ? "meetingSecretary" : "meetingNoSecretary"), { iconName: "bell", action });
});
for (const kind of ["meeting.ended", "meeting.cancelled"]) {
  document.addEventListener(`giaoban:${kind}`, ({ detail }) => {
    shown.get(detail.meeting)?.();
    shown.delete(detail.meeting);
    redraw(detail);
  });
}

// A page opened while a meeting runs: the navigation counts it, its name and way in are asked for.
if (!room && !fresh && !own && document.querySelector('[data-badge="/meetings"]')) {
  fetch("/api/v1/meetings")
    .then((reply) => reply.json())
    .then(({ live }) => live.forEach(({ id, title }) => show({ meeting: id, title })))
    .catch((error) => console.info("running meetings not known:", error.message));
}
