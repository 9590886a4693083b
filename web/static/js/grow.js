// Lists of fields that grow: questions of a directive, rows of a table that is an answer.
//   button[data-grow="id"]          adds an empty copy of the last line to the list with that id
//   button[data-drop="selector"]    takes its closest line away; of a last line only what is typed
//   list[data-grow-names="a b"]     the names of the fields of its lines, for what is restored (forms.js)

const fieldsOf = (line) => line.querySelectorAll("input, select, textarea");

function empty(line) {
  for (const field of fieldsOf(line)) {
    if (field.tagName === "SELECT") field.selectedIndex = 0;
    else field.value = "";
    field.removeAttribute("value");
    for (const option of field.options ?? []) option.removeAttribute("selected");
  }
}

/** Adds an empty line to a list and gives it. */
export function grow(list) {
  const line = list.lastElementChild.cloneNode(true);
  empty(line);
  list.append(line);
  return line;
}

/** The list of a form whose lines have a field of this name, or null. */
export const growing = (form, name) => form.querySelector(`[data-grow-names~="${CSS.escape(name)}"]`);

function onClick(event) {
  const button = event.target.closest("[data-grow], [data-drop]");
  if (!button) return;
  if (button.dataset.grow) {
    fieldsOf(grow(document.getElementById(button.dataset.grow)))[0].focus();
    return;
  }
  const line = button.closest(button.dataset.drop);
  const list = line.parentElement;
  if (list.children.length > 1) line.remove();
  else empty(line);
  list.dispatchEvent(new Event("input", { bubbles: true }));
  fieldsOf(list)[0].focus();
}

/** Wires all growing lists of the page; called once by app.js. */
export function startGrowing() {
  document.addEventListener("click", onClick);
}
