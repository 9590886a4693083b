// Dialogs on <dialog>: data-opens="id" opens one, data-closes closes it; `ask` puts a question before a grave step.

/** Asks; resolves to true for yes. Escape and the way back mean no. */
export function ask(text, yes = "") {
  const dialog = document.getElementById("ask");
  const button = dialog.querySelector("[data-ask-yes]");
  dialog.querySelector("[data-ask-text]").textContent = text;
  button.textContent = yes || button.dataset.plain;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/** Asks for a line of text; resolves to it, or to null for no. */
export function askWords(title, value = "") {
  const dialog = document.getElementById("ask-words");
  const field = dialog.querySelector("input");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("[data-ask-label]").textContent = title;
  field.value = value;
  dialog.returnValue = "no";
  dialog.showModal();
  field.select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? field.value.trim() || null : null), { once: true });
  });
}

/** Wires the buttons of the page; called once by app.js. */
export function startDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
    const closer = event.target.closest("[data-closes]");
    if (closer) closer.closest("dialog").close();
    if (event.target instanceof HTMLDialogElement && event.target.id !== "ask") event.target.close();
  });
}
