// Signed-in pages: says quietly when the connection is lost, and announces a new directive by bell, title and toast.

import { onState } from "./channel.js";
import "./meetings.js";
import { word } from "./page.js";
import { ring, startSound } from "./sound.js";
import { raiseTitleCount } from "./title.js";
import { toast } from "./toast.js";

const PATIENCE_MS = 1500; // a page that is only changing networks for a moment says nothing
let timer = 0;

onState((state) => {
  clearTimeout(timer);
  const line = document.getElementById("connection");
  if (state !== "lost") line.hidden = true;
  else timer = setTimeout(() => { line.hidden = false; }, PATIENCE_MS);
});

document.addEventListener("giaoban:directive.issued", ({ detail }) => {
  raiseTitleCount();
  ring(detail.urgency !== undefined && detail.urgency !== "NORMAL");
  toast(word("newDirective", { subject: detail.subject ?? "" }), {
    iconName: "bell",
    stay: Infinity,
    action: detail.href ? { label: word("open"), href: detail.href } : null,
  });
});

startSound();
