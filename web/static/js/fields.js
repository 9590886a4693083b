// Small helps beside fields: letters left, usual times, showing a password, the list of chosen files, copying.

import { fileSize, icon, make, number, word } from "./page.js";
import { wallClock } from "./time.js";
import { toast } from "./toast.js";

function countLetters(line) {
  const field = document.getElementById(line.dataset.lettersOf);
  const show = () => { line.textContent = word("lettersLeft", { n: number(field.maxLength - field.value.length) }); };
  field.addEventListener("input", show);
  show();
}

// The browser writes dates in its own order; below the field they stand as everywhere here.
function echoDate(line) {
  const field = document.getElementById(line.dataset.echo);
  const show = () => { line.textContent = field.value ? wallClock(field.value) : ""; };
  for (const name of ["input", "change"]) field.addEventListener(name, show);
  show();
}

const matches = (file, accept) => !accept || accept.split(",").map((kind) => kind.trim().toLowerCase()).some((kind) =>
  kind.startsWith(".") ? file.name.toLowerCase().endsWith(kind) : kind.endsWith("/*") ? file.type.startsWith(kind.slice(0, -1)) : file.type === kind);

function refusal(file, input) {
  const limit = Number(input.dataset.maxBytes) || Infinity;
  if (file.size > limit) return word("tooLarge", { name: file.name, limit: fileSize(limit) });
  return matches(file, input.accept) ? "" : word("wrongKind", { name: file.name });
}

// The input itself holds the chosen files, so the form is sent as always; choosing again adds to them.
function wireUpload(box) {
  const input = box.querySelector("input[type=file]");
  const list = box.querySelector("[data-files]");
  const error = box.querySelector("[data-file-error]");
  let chosen = [];
  const show = () => {
    const files = new DataTransfer();
    chosen.forEach((file) => files.items.add(file));
    input.files = files.files;
    list.replaceChildren(...chosen.map((file) => {
      const drop = make("button", { type: "button", class: "icon-button", "aria-label": word("removeFile", { name: file.name }) }, icon("trash-2"));
      drop.addEventListener("click", () => { chosen = chosen.filter((one) => one !== file); show(); input.focus(); });
      return make("li", { class: "attachment" }, icon("file-text"), make("span", { class: "attachment-name" }, file.name), make("span", { class: "attachment-size" }, fileSize(file.size)), drop);
    }));
  };
  const add = (files) => {
    const refused = [...files].map((file) => refusal(file, input)).filter(Boolean);
    const good = [...files].filter((file) => !refusal(file, input));
    chosen = input.multiple ? [...chosen, ...good] : good.slice(0, 1).concat(good.length ? [] : chosen);
    error.textContent = refused.join(" ");
    error.hidden = refused.length === 0;
    show();
  };
  input.addEventListener("change", () => add(input.files));
  box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("dropping"); });
  for (const name of ["dragleave", "drop"]) box.addEventListener(name, () => box.classList.remove("dropping"));
  box.addEventListener("drop", (event) => { event.preventDefault(); add(event.dataTransfer.files); });
}

function onClick(event) {
  const button = event.target.closest("button[data-fill], [data-reveal], [data-copy]");
  if (!button) return;
  if (button.dataset.fill) {
    const field = document.getElementById(button.dataset.fill);
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  } else if (button.dataset.reveal) {
    const field = document.getElementById(button.dataset.reveal);
    field.type = field.type === "password" ? "text" : "password";
    [button.textContent, button.dataset.hide] = [button.dataset.hide, button.textContent];
  } else {
    navigator.clipboard.writeText(button.dataset.copy).then(() => toast(word("copied"), { iconName: "check" }), () => toast(word("failed"), { iconName: "circle-alert" }));
  }
}

// A closed select shows one line and cuts it: where the chosen option is longer, its whole text stands below.
function showWhole(select) {
  const box = select.closest(".select");
  if (!box || !select.clientWidth) return;
  const style = getComputedStyle(select);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const chosen = select.selectedOptions[0]?.textContent.trim() ?? "";
  const room = select.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd);
  const cut = pen.measureText(chosen).width > room;
  let line = box.nextElementSibling?.matches(".select-whole") ? box.nextElementSibling : null;
  if (!line && cut) {
    line = make("span", { class: "select-whole", "aria-hidden": "true" }); // a screen reader has the select itself
    box.after(line);
  }
  if (!line) return;
  line.textContent = cut ? chosen : "";
  line.hidden = !cut;
}

function wireSelects() {
  const all = () => document.querySelectorAll(".select > select").forEach(showWhole);
  for (const name of ["change", "focusin"]) document.addEventListener(name, ({ target }) => { if (target.matches?.(".select > select")) showWhole(target); });
  document.addEventListener("toggle", all, true); // what was folded had no width
  document.fonts.ready.then(all);
  addEventListener("resize", all);
  all();
}

/** Wires all fields of the page; called once by app.js. */
export function startFields() {
  document.querySelectorAll("[data-letters-of]").forEach(countLetters);
  document.querySelectorAll("[data-echo]").forEach(echoDate);
  document.querySelectorAll("[data-upload]").forEach(wireUpload);
  document.addEventListener("click", onClick);
  wireSelects();
}
