// The player of a record: keys, moving among chapters, and a moment in the address (/records/7#t=83).
// A touch on a chapter seeks: lists.js.

const STEP_S = 10;
const player = document.getElementById("player");

function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null;
}

function play() {
  player.play().catch((error) => console.info("not playing:", error.message));
}

const KEYS = {
  j: () => { player.currentTime = Math.max(0, player.currentTime - STEP_S); },
  k: () => (player.paused ? play() : player.pause()),
  l: () => { player.currentTime = Math.min(player.duration || Infinity, player.currentTime + STEP_S); },
};

function moveAmongChapters(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const list = event.target.closest?.(".chapters");
  if (!step || !list) return;
  const buttons = [...list.querySelectorAll("[data-start]")];
  const next = buttons[buttons.indexOf(event.target) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function seekToAddress() {
  const found = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (found) player.currentTime = Number(found[1]);
}

if (player) {
  document.addEventListener("keydown", (event) => {
    moveAmongChapters(event);
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    KEYS[event.key.toLowerCase()]?.();
  });
  window.addEventListener("hashchange", seekToAddress);
  seekToAddress();
}
