// Forms: nothing typed is lost, nothing is sent twice, light steps can be taken back.
//   form[data-keep="name"]      what is typed is kept on this machine until the server has accepted it
//   form[data-undo="text"]      hides its closest [data-undo-row] and is sent after six seconds, unless taken back
//   form[data-no-enter]         the key sends nothing: browsers would press the first button, from a date or a tick, too
//   form[data-forget]           forgets everything kept (sign-out)

import { accountId, word } from "./page.js";
import { grow, growing } from "./grow.js";
import { keysFrom, recall, remember } from "./store.js";
import { toast } from "./toast.js";

const UNDO_MS = 6000;
const TAB = "sessionStorage";
const FILES = ":files"; // among what is kept: that files were chosen, which no page can choose again
const keyOf = (form) => `kept:${accountId}:${location.pathname}:${form.dataset.keep}`;
const keepable = (field) => field.name && field.name !== "csrf" && !["file", "password", "hidden", "submit", "button"].includes(field.type);
const revisionOf = (form) => form.elements.namedItem("revision");
const isAnswer = "answer" in document.documentElement.dataset; // of a form that was sent; the server says what it stands on
const ticks = (field) => field.type === "checkbox" || field.type === "radio";

function keep(form) {
  const fields = [...form.elements].filter((field) => keepable(field) || field === revisionOf(form));
  const kept = fields.map((field) => [field.name, field.value, ticks(field) ? field.checked : null]);
  if ([...form.elements].some((field) => field.type === "file" && field.files.length)) kept.push([FILES, "", null]);
  remember(keyOf(form), JSON.stringify(kept));
}

function restore(form) {
  const text = recall(keyOf(form));
  if (!text) return;
  let changed = false;
  const seen = new Map();  // several fields may have one name: the lines of a list that grows
  const named = (name) => [...form.elements].filter((field) => field.name === name && keepable(field));
  const kept = JSON.parse(text);
  for (const [name, value, checked] of kept) {
    const place = seen.get(name) ?? 0;
    seen.set(name, place + 1);
    const list = checked === null && place >= named(name).length ? growing(form, name) : null;
    if (list) grow(list);
    const field = checked === null ? named(name).filter((one) => !ticks(one))[place] : named(name).find((one) => one.value === value);
    if (!field) continue;
    if (checked === null && field.value !== value) [field.value, changed] = [value, true];
    if (checked !== null && field.checked !== checked) [field.checked, changed] = [checked, true];
  }
  if (!changed) return;
  // It was written on top of that one: if somebody else has changed the draft since, the server says so.
  const [, revision] = kept.find(([name]) => name === "revision") ?? [];
  if (revision && !isAnswer) revisionOf(form).value = revision;
  form.dispatchEvent(new Event("input", { bubbles: true }));
  form.dispatchEvent(new Event("change", { bubbles: true }));
  const held = form.querySelector("[name$=_held]");  // a refused form has its files from the server
  if (!held && kept.some(([name]) => name === FILES)) toast(word("restoredFiles"), { iconName: "circle-alert", stay: Infinity });
  else toast(word("restored"));
}

// The server answers an accepted form with a redirect, or with the same form and no errors. Whatever else comes next, the
// form with its errors, an error's page, or any page after a network that failed: what was typed stays.
function settleSent() {
  const sent = recall("sent", TAB);
  if (!sent) return;
  remember("sent", null, TAB);
  if (!accountId) return;  // to the page that asks to sign in again everybody is redirected
  const again = isAnswer && [...document.querySelectorAll("form[data-keep]")].find((form) => sent.endsWith(`:${form.dataset.keep}`));
  const accepted = again ? !document.querySelector(".errors") : performance.getEntriesByType("navigation")[0]?.redirectCount > 0;
  if (again && !accepted) remember(keyOf(again), recall(sent));  // the answer has another address than the page before
  if (accepted || (again && keyOf(again) !== sent)) remember(sent, null);
}

function busy(form, submitter) {
  form.dataset.sending = "";
  submitter?.setAttribute("aria-busy", "true");
}

/** Ends the sending state, for scripts that send a form themselves. */
export function idle(form) {
  delete form.dataset.sending;
  form.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
}

function sendLater(form) {
  const row = form.closest("[data-undo-row]") ?? form;
  row.hidden = true;
  const send = () => {
    clearTimeout(timer);
    removeEventListener("pagehide", send);
    const leaving = document.visibilityState === "hidden";
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: leaving, redirect: "manual" })
      .then((reply) => { if (reply.status >= 400) throw new Error(String(reply.status)); row.dispatchEvent(new CustomEvent("giaoban:done", { bubbles: true })); })
      .catch(() => { row.hidden = false; toast(word("failed"), { iconName: "circle-alert" }); });
  };
  const timer = setTimeout(send, UNDO_MS);
  addEventListener("pagehide", send);
  toast(form.dataset.undo, {
    stay: UNDO_MS,
    action: { label: word("undo"), run: () => { clearTimeout(timer); removeEventListener("pagehide", send); row.hidden = false; toast(word("undone")); } },
  });
}

function onSubmit(event) {
  const form = event.target;
  if (form.method === "dialog" || event.defaultPrevented) return;
  if ("sending" in form.dataset) return event.preventDefault();
  if (form.dataset.undo) {
    event.preventDefault();
    return sendLater(form);
  }
  if ("keep" in form.dataset) {
    keep(form);
    if (!navigator.onLine) {
      event.preventDefault();
      return toast(word("offline"), { iconName: "circle-alert", stay: Infinity });
    }
    remember("sent", keyOf(form), TAB);
  }
  if ("forget" in form.dataset) keysFrom("kept:").forEach((key) => remember(key, null));
  if (form.method === "post") busy(form, event.submitter);
}

/** Wires all forms of the page; called once by app.js. */
export function startForms() {
  settleSent();
  for (const form of document.querySelectorAll("form[data-keep]")) {
    restore(form);
    let timer = 0;
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => keep(form), 400); });
  }
  document.addEventListener("submit", onSubmit);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=file])") && "noEnter" in (event.target.form?.dataset ?? {})) event.preventDefault();
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach(idle));
  document.querySelector("[data-focus]")?.focus();
}
