// Dialogs on <dialog>: data-opens="id" opens one, data-closes closes it; `ask` puts a question before a grave step.

const turns = new WeakMap(); // how often each dialog has asked

/** Shows it; resolves to the value of the button that closed it, or to "no". Its `close` comes a little later: when it has asked
    again by then, that is the end of the question before, not of the new one. */
function answer(dialog) {
  const turn = (turns.get(dialog) ?? 0) + 1;
  turns.set(dialog, turn);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => {
      const isOver = turns.get(dialog) !== turn;
      if (dialog.open && !isOver) return;
      dialog.removeEventListener("close", closed);
      resolve(isOver ? "no" : dialog.returnValue);
    };
    dialog.addEventListener("close", closed);
  });
}

/** Asks; resolves to true for yes. Escape and the way back mean no. */
export async function ask(text, yes = "") {
  const dialog = document.getElementById("ask");
  const button = dialog.querySelector("[data-ask-yes]");
  dialog.querySelector("[data-ask-text]").textContent = text;
  button.textContent = yes || button.dataset.plain;
  return (await answer(dialog)) === "yes";
}

/** Asks for a line of text; resolves to it, or to null for no. */
export async function askWords(title, value = "") {
  const dialog = document.getElementById("ask-words");
  const field = dialog.querySelector("input");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("[data-ask-label]").textContent = title;
  field.value = value;
  const told = answer(dialog);
  field.select();
  return (await told) === "yes" ? field.value.trim() || null : null;
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
