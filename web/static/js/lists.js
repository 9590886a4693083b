// Lists by keyboard, menus that close by themselves, chapters that seek.

function moveInRows(event) {
  const rows = event.target.closest?.("[data-rows]");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!rows || !step) return;
  const links = [...rows.querySelectorAll(".row-title")];
  const next = links[links.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function closeMenus(except = null) {
  for (const menu of document.querySelectorAll("[data-menu][open]")) if (menu !== except) menu.open = false;
}

function wireChapters(list) {
  const player = document.getElementById(list.dataset.player);
  if (!player) return;
  const buttons = [...list.querySelectorAll("[data-start]")];
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-start]");
    if (!button) return;
    player.currentTime = Number(button.dataset.start);
    player.play().catch((error) => console.info("not playing:", error.message));
  });
  player.addEventListener("timeupdate", () => {
    const current = buttons.findLast((button) => Number(button.dataset.start) <= player.currentTime + 0.2);
    for (const button of buttons) button.toggleAttribute("aria-current", button === current);
    current?.setAttribute("aria-current", "true");
  });
}

/** Wires lists, menus and chapters; called once by app.js. */
export function startLists() {
  document.addEventListener("keydown", (event) => {
    moveInRows(event);
    if (event.key !== "Escape") return;
    const menu = document.activeElement?.closest("[data-menu][open]");
    closeMenus();
    menu?.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => closeMenus(event.target.closest("[data-menu]")));
  document.querySelectorAll("[data-player]").forEach(wireChapters);
}
