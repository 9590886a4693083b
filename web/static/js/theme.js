// Light or dark: the system's choice until the person chooses.

import { remember } from "./store.js";

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Wires every data-theme-toggle; called once by app.js. */
export function startTheme() {
  const buttons = document.querySelectorAll("[data-theme-toggle]");
  const show = () => buttons.forEach((button) => button.setAttribute("aria-pressed", String(isDark())));
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const theme = isDark() ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      remember("theme", theme);
      show();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
