// Short news at the edge of the screen, read out by screen readers.

import { icon, make, word } from "./page.js";

const STAY_MS = 7000; // at least
const LETTER_MS = 90; // long news stay for as long as slow readers need

/** Shows `text`; `action` is {label, href} or {label, run}. Stays while touched. Gives a function that takes it away. */
export function toast(text, { action = null, iconName = "info", stay = Math.max(STAY_MS, LETTER_MS * text.length) } = {}) {
  let timer = 0;
  const element = make("div", { class: "toast" }, icon(iconName), make("span", {}, text));
  const close = () => {
    clearTimeout(timer);
    element.remove();
  };
  const wait = () => {
    clearTimeout(timer);
    if (Number.isFinite(stay)) timer = setTimeout(close, stay);
  };
  if (action?.href) element.append(make("a", { href: action.href }, action.label));
  else if (action) {
    const button = make("button", { type: "button", class: "toast-action" }, action.label);
    button.addEventListener("click", () => { close(); action.run(); });
    element.append(button);
  } else element.append(make("span"));
  const cross = make("button", { type: "button", "aria-label": word("close") }, icon("x"));
  cross.addEventListener("click", close);
  element.append(cross);
  for (const name of ["pointerenter", "focusin"]) element.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["pointerleave", "focusout"]) element.addEventListener(name, wait);
  document.getElementById("toasts").append(element);
  wait();
  return close;
}
