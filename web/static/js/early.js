// Runs before the first paint (a plain script): the chosen theme, the mark that scripts are there, and the mending of a
// page whose modules or style sheets did not all arrive.

(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  if ("themeFixed" in root.dataset) return; // the stage is dark for everybody
  try {
    const theme = localStorage.getItem("giaoban:theme");
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; then the system's theme stays.
  }
})();

// A network that changes or breaks drops what is being loaded, and no browser asks again for a module. So the page is
// loaded again: after these pauses, one each time, then no more. It tells the person when that does not help, and never
// reloads by itself what was typed into, or what answers a form.
(() => {
  const PAUSES_MS = [500, 1500, 4000];
  const OFFLINE_MS = 5000;
  const KEY = "giaoban:reloads";
  const root = document.documentElement;
  const own = document.currentScript.src;
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let incomplete = false;
  let touched = "answer" in root.dataset;
  let leaving = false;

  // How often this page has been loaded again in a row, in this tab; null where storage is forbidden.
  function count() {
    try {
      const { page, times } = JSON.parse(sessionStorage.getItem(KEY)) ?? {};
      return page === location.href ? times : 0;
    } catch {
      return null;
    }
  }

  function counted(times) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ page: location.href, times }));
      return true;
    } catch {
      return false;
    }
  }

  function tell() {
    const line = document.getElementById("incomplete");
    if (line) line.hidden = false;
    else addEventListener("DOMContentLoaded", tell, { once: true });
  }

  // Without the server a reload would take away even what is there.
  const reachable = () => fetch(own, { cache: "no-store" }).then(({ ok }) => ok, () => false);

  async function mend() {
    const times = count();
    if (times === null || times >= PAUSES_MS.length) return tell();
    await wait(PAUSES_MS[times]);
    while (!(await reachable())) {
      tell();
      await wait(OFFLINE_MS);
    }
    if (touched || leaving || !counted(times + 1)) return tell();
    location.reload();
  }

  addEventListener("error", ({ target }) => {
    if (incomplete || !target.matches?.("script, link[rel=stylesheet]")) return;
    incomplete = true;
    addEventListener("beforeunload", () => { leaving = true; });
    mend();
  }, true);
  addEventListener("input", () => { touched = true; }, true);
  addEventListener("load", () => {
    if (!incomplete && count()) sessionStorage.removeItem(KEY);
  });
  addEventListener("click", ({ target }) => {
    if (target.closest?.("#incomplete button")) location.reload();
  });
})();
