// The recipients picker: counts, search without accents, whole branches, groups that tick their members, their people.

import { number, word } from "./page.js";

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();
// With accents typed they count, so that Cam Thành is not found by “thanh” with its mark elsewhere.
const found = (name, wanted) => (wanted === plain(wanted) ? plain(name).includes(wanted) : name.toLowerCase().includes(wanted));

function wire(picker) {
  const tree = picker.querySelector(".tree");
  const boxes = [...tree.querySelectorAll("input[type=checkbox]")];
  const byId = new Map(boxes.map((box) => [box.value, box]));
  const groups = [...picker.querySelectorAll("[data-group]")];
  const members = (group) => group.dataset.group.split(" ").filter((id) => byId.has(id)).map((id) => byId.get(id));

  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    picker.querySelector("[data-total]").textContent = chosen ? word("chosen", { n: number(chosen) }) : word("chosenNone");
    for (const branch of tree.querySelectorAll("[data-branch]")) {
      const inside = [...branch.querySelectorAll("input[type=checkbox]")];
      const count = inside.filter((box) => box.checked).length;
      branch.querySelector("[data-branch-count]").textContent = count ? `${count}/${inside.length}` : "";
    }
    for (const group of groups) {
      const ticked = members(group).filter((box) => box.checked).length;
      group.checked = ticked > 0 && ticked === members(group).length;
      group.indeterminate = ticked > 0 && !group.checked;
    }
  };

  const search = (wanted) => {
    let hits = 0;
    const visit = (item) => {
      const own = found(item.dataset.name, wanted);
      const below = [...item.querySelectorAll(":scope > details > ul > li[data-name]")].map(visit).some(Boolean);
      item.hidden = wanted !== "" && !own && !below;
      const branch = item.querySelector(":scope > details");
      if (branch && wanted) branch.open = below;
      hits += own ? 1 : 0;
      return own || below;
    };
    tree.querySelectorAll(":scope > li").forEach(visit);
    picker.querySelector("[data-tree-none]").hidden = !wanted || hits > 0;
  };

  picker.addEventListener("change", (event) => {
    if (event.target.dataset.group !== undefined) members(event.target).forEach((box) => { box.checked = event.target.checked; });
    show();
  });
  picker.addEventListener("click", (event) => {
    if (event.target.closest("[data-branch-all]")) event.target.closest("[data-branch]").querySelectorAll("input[type=checkbox]").forEach((box) => { box.checked = true; });
    else if (event.target.closest("[data-clear]")) boxes.forEach((box) => { box.checked = false; });
    else return;
    picker.dispatchEvent(new Event("input", { bubbles: true }));
    show();
  });
  picker.querySelector("[data-tree-search]").addEventListener("input", (event) => search(event.target.value.trim().toLowerCase()));
  picker.closest("form")?.addEventListener("change", show);
  show();
}

// select[data-officials-of=<name of a picker>]: offers people of the chosen units and of [data-own-unit], each once.
function wireOfficials(select) {
  const { form, dataset: { officialsOf, ownUnit } } = select;
  let wanted = select.value;
  const show = () => {
    wanted = select.value || wanted; // what was typed before may have been put back
    const taking = new Set([ownUnit, ...[...form.querySelectorAll(`[name="${officialsOf}"]:checked`)].map((box) => box.value)]);
    const offered = new Map();
    for (const option of select.querySelectorAll("[data-unit]")) {
      const fits = taking.has(option.dataset.unit) && !offered.has(option.value);
      option.hidden = option.disabled = !fits;
      if (fits) offered.set(option.value, option);
    }
    (offered.get(wanted) ?? select.options[0]).selected = true;
  };
  select.addEventListener("change", () => { wanted = select.value; });
  for (const name of ["input", "change"]) form.addEventListener(name, ({ target }) => { if (target !== select) show(); });
  show();
}

/** Wires all pickers of the page; called once by app.js. */
export function startRecipients() {
  document.querySelectorAll("[data-recipients]").forEach(wire);
  document.querySelectorAll("[data-officials-of]").forEach(wireOfficials);
}
