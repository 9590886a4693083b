// The number before the page's title: (3) Chỉ đạo đến · Giao Ban.

const plain = document.title;
let count = 0;

/** Sets the number of things not yet looked at; 0 takes it away. */
export function setTitleCount(value) {
  count = Math.max(0, value);
  document.title = count ? `(${count}) ${plain}` : plain;
}

/** One more, unless the person is looking at the page. */
export function raiseTitleCount() {
  if (document.visibilityState === "hidden" || !document.hasFocus()) setTitleCount(count + 1);
}

for (const name of ["focus", "pageshow"]) window.addEventListener(name, () => setTitleCount(0));
