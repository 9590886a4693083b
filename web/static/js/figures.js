// Figures of equal width for times that tick: each digit in a cell of its own, so that nothing moves beside it.

/** Writes `text` into the element, digits in cells; touches only what changed. */
export function showFigures(element, text) {
  if (element.textContent === text) return;
  const parts = [...text];
  if (element.children.length !== parts.length) {
    element.replaceChildren(...parts.map((part) => {
      const cell = document.createElement("span");
      if (/\d/.test(part)) cell.className = "figure";
      return cell;
    }));
  }
  parts.forEach((part, place) => {
    const cell = element.children[place];
    cell.classList.toggle("figure", /\d/.test(part));
    if (cell.textContent !== part) cell.textContent = part;
  });
}
