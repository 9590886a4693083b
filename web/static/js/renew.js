// Fetches the page, or a part of it, anew and puts it in place; the focus stays where it was.

/** Replaces the first match of `selector` by what `url` now shows there. Gives false if it could not. */
export async function renew(selector, url = location.href) {
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
  const made = new DOMParser().parseFromString(text, "text/html").querySelector(selector);
  if (!old || !made) return false;
  for (const open of old.querySelectorAll("details[open][id]")) {
    made.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
  }
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  old.replaceWith(document.adoptNode(made));
  if (focused) made.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  return true;
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
