// A button that prints the page.

/** Wires [data-print]; called once by app.js. */
export function startPrinting() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) print();
  });
}
