// Fetches the page, or a part of it, anew and puts it in place; the focus stays where it was.

const unit = document.documentElement.dataset.unitId;

/** Replaces the first match of `selector` by what `url` now shows there, `settle(old, made)` having seen both.
    Gives false if it could not. */
export async function renew(selector, url = location.href, settle = () => {}) {
  let text;
  try {
    const reply = await fetch(url, { headers: { Accept: "text/html" } });
    if (!reply.ok || reply.redirected) return false;
    text = await reply.text();
  } catch (error) {
    console.info("not renewed:", error.message);
    return false;
  }
  const old = document.querySelector(selector);
  const page = new DOMParser().parseFromString(text, "text/html");
  const made = page.querySelector(selector);
  if (!old || !made || (page.documentElement.dataset.unitId ?? unit) !== unit) return false; // or what it shows is another unit's
  for (const details of old.querySelectorAll("details[id]")) { // whoever opened or closed it meanwhile wins
    made.querySelector(`#${CSS.escape(details.id)}`)?.toggleAttribute("open", details.open);
  }
  settle(old, made);
  const focused = old.contains(document.activeElement) ? way(document.activeElement) : null;
  old.replaceWith(document.adoptNode(made));
  if (focused) made.querySelector(focused)?.focus({ preventScroll: true });
  return true;
}

/** How to find an element among those that take its place. */
function way(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const href = element.getAttribute("href");
  return href && `[href="${CSS.escape(href)}"]`;
}

/** A function that runs `work` at most every `milliseconds`, and once more when it was called meanwhile. */
export function calmly(work, milliseconds) {
  let timer = 0;
  let again = false;
  const run = async () => {
    again = false;
    await work();
    timer = setTimeout(() => { timer = 0; if (again) start(); }, milliseconds);
  };
  const start = () => { timer = 1; run(); };
  return () => { if (timer) again = true; else start(); };
}
