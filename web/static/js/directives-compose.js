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
