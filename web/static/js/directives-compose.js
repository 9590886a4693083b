// The usual notation of the chosen type shows in the empty field.

const kind = document.getElementById("f-kind");
const notation = document.getElementById("f-notation");
const usual = JSON.parse(kind.dataset.notations);
const show = () => { notation.placeholder = usual[kind.value] ?? ""; };

kind.addEventListener("change", show);
show();
