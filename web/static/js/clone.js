// Copies of <template> elements, filled with text (never markup).

/** A copy of the one element in template `id`; `fields` fill its [data-fill=name] parts, `data` its data attributes. */
export function clone(id, fields = {}, data = {}) {
  const copy = document.getElementById(id).content.firstElementChild.cloneNode(true);
  Object.assign(copy.dataset, data);
  fill(copy, fields);
  return copy;
}

/** Writes fields into the [data-fill=name] parts of an element. */
export function fill(element, fields) {
  for (const [name, value] of Object.entries(fields)) {
    for (const part of element.querySelectorAll(`[data-fill="${name}"]`)) {
      if (part.textContent !== String(value)) part.textContent = value;
    }
  }
}
