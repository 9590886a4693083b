// The open page of a directive that came, or of one delivery, says that it was changed meanwhile. It does not load itself:
// somebody may be reading or writing there. What is being sent from here is no news.

const place = document.getElementById("changed");
const { directive, unit } = place.dataset;

document.addEventListener("giaoban:delivery.changed", ({ detail }) => {
  const ours = String(detail.directive) === directive && detail.units.map(String).includes(unit);
  if (ours && !document.querySelector("main form[data-sending]")) place.firstElementChild.hidden = false;
});
