// The open page of a directive that came, or of one delivery, says that it was changed meanwhile. It does not load itself:
// somebody may be reading or writing there. What is being sent from here is no news.

const place = document.getElementById("changed");
const { directive, unit } = place.dataset;

function say() {
  if (!document.querySelector("main form[data-sending]")) place.firstElementChild.hidden = false;
}

document.addEventListener("giaoban:delivery.changed", ({ detail }) => {
  if (String(detail.directive) === directive && detail.units.map(String).includes(unit)) say();
});

// Of a unit that is done with it: nothing of its own changes, but the document is replaced.
document.addEventListener("giaoban:delivery.news", ({ detail }) => {
  if (String(detail.directive) === directive && detail.what === "replaced") say();
});
