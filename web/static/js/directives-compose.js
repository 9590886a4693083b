// The usual notation of the chosen type shows in the empty field.

const kind = document.getElementById("f-kind");
const notation = document.getElementById("f-notation");
const usual = JSON.parse(kind.dataset.notations);
const show = () => { notation.placeholder = usual[kind.value] ?? ""; };

kind.addEventListener("change", show);
show();

// Only some kinds of questions have a unit, choices or columns.
const lines = document.getElementById("question-lines");
const details = JSON.parse(lines.dataset.words);
function showDetails() {
  for (const line of lines.children) {
    const of = details[line.querySelector("[name=question_kind]").value];
    line.querySelector(".question-detail").hidden = !of;
    if (of) line.querySelector("[data-detail]").textContent = of;
  }
}

lines.addEventListener("change", showDetails);
new MutationObserver(showDetails).observe(lines, { childList: true });
showDetails();

// The chosen urgency suggests the deadline, as long as nobody has chosen one: a draft's own, an emptied one, or one that was
// filled in before the page was left stays.
const deadline = document.getElementById("f-deadline");
const suggested = JSON.parse(deadline.dataset.suggestions);
const urgency = () => deadline.form.elements.urgency.value;
const differs = () => deadline.value !== suggested[urgency()];
let chosen = differs();

deadline.addEventListener("input", () => { chosen = true; });
deadline.form.addEventListener("change", ({ target }) => {
  if (target === deadline.form) chosen = differs(); // what was kept on this machine has come back
  else if (target.name === "urgency" && !chosen) {
    deadline.value = suggested[target.value];
    deadline.dispatchEvent(new Event("input", { bubbles: true })); // its words below
    chosen = false;
  }
});
