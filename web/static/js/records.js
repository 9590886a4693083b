// The archive's pages: fresh when a record is ready, and the check of integrity with its progress.

import { csrf, word } from "./page.js";
import { progressOf } from "./progress.js";

/** Puts the part of this page with `id` anew from the server; what is typed elsewhere on the page stays. */
async function refresh(id) {
  const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById(id);
  if (fresh) document.getElementById(id).replaceWith(document.adoptNode(fresh));
}

function listen(element, name, run) {
  for (const kind of element.dataset[name].split(" ")) document.addEventListener(`giaoban:${kind}`, run);
}

/** Calls `tell` with each JSON line of a reply as it comes. */
async function readLines(reply, tell) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    lines.forEach((line) => tell(JSON.parse(line)));
  }
}

function say(place, verdict) {
  const line = document.createElement("p");
  line.className = "notice-title";
  line.textContent = word(verdict.intact ? "intact" : "damaged", {}, "record-texts");
  const list = document.createElement("ul");
  for (const { name, what } of verdict.problems) {
    const item = document.createElement("li");
    const key = `problem${what[0].toUpperCase()}${what.slice(1)}`;
    item.textContent = `${name}: ${word(key, {}, "record-texts")}`;
    list.append(item);
  }
  const notice = document.createElement("div");
  notice.className = `notice notice-${verdict.intact ? "green" : "wrong"}`;
  const body = document.createElement("div");
  body.className = "notice-body";
  body.append(line, ...(verdict.problems.length ? [list] : []));
  notice.append(body);
  place.replaceChildren(notice);
}

async function verify(part) {
  const bar = part.querySelector("[data-verify-progress]");
  const result = part.querySelector("[data-verify-result]");
  const button = part.querySelector("button");
  const set = progressOf(bar.querySelector(".progress"));
  result.replaceChildren();
  bar.hidden = false;
  button.disabled = true;
  try {
    const headers = { Accept: "application/x-ndjson", "X-CSRF-Token": csrf };
    const reply = await fetch(part.dataset.verify, { method: "POST", headers });
    if (!reply.ok) throw new Error(`verification: ${reply.status}`);
    let verdict = null;
    await readLines(reply, (step) => {
      if ("intact" in step) verdict = step;
      else set(step.done, Math.max(step.total, 1));
    });
    if (!verdict) throw new Error("verification: no verdict");
    say(result, verdict);
  } catch (error) {
    console.error(error);
    result.textContent = word("failed", {}, "record-texts");
  } finally {
    bar.hidden = true;
    button.disabled = false;
  }
}

for (const part of document.querySelectorAll("[data-refresh-on]")) listen(part, "refreshOn", () => refresh(part.id));
for (const part of document.querySelectorAll("[data-reload-on]")) {
  listen(part, "reloadOn", ({ detail }) => { if (String(detail.record) === part.dataset.record) location.reload(); });
}
for (const part of document.querySelectorAll("[data-verify]")) {
  part.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    verify(part);
  });
}
