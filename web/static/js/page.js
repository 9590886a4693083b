// What base.html hands to scripts: settings on <html>, words, icons.

const root = document.documentElement;

export const lang = root.lang;
export const csrf = root.dataset.csrf ?? "";
export const accountId = root.dataset.accountId ?? "";
export const unitId = Number(root.dataset.unitId); // the one that the person acts in, of `unitIds`
export const unitIds = (root.dataset.unitIds ?? "").split(" ").map(Number);
export const timeZone = root.dataset.timezone;

/** A text of the page in its language: word("undo"), word("newDirective", {subject}). Texts stand in <template id="words">
 *  of base.html, or in an element of the page's own block `texts` named by `from`. */
export function word(name, fields = {}, from = "words") {
  const text = document.getElementById(from)?.dataset[name];
  if (text === undefined) throw new Error(`no text ${name} in #${from}`);
  return text.replace(/\{(\w+)\}/g, (all, field) => fields[field] ?? all);
}

/** A fresh copy of an icon that the page lists in its block `icons`. */
export function icon(name) {
  const found = document.getElementById("icons").content.querySelector(`[data-icon="${name}"]`);
  if (!found) throw new Error(`no icon ${name} on this page`);
  return found.firstElementChild.cloneNode(true);
}

/** A new element with properties, data attributes and children; strings become text, never markup. */
export function make(tag, { class: className, data = {}, ...rest } = {}, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(rest)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A number as the page's language writes it: 1.927. */
export function number(value) {
  return new Intl.NumberFormat(lang === "en" ? "en-US" : "vi-VN").format(value);
}

/** A size as people read it: 1,2 MB. */
export function fileSize(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(Math.round(value * 10) / 10)} ${units[unit]}`;
}
