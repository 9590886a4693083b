// A laptop's sleep: timers stand still meanwhile, and with them those that would notice that a connection is dead.

const LOOK_MS = 1000;

/** Calls back when the page goes on after it has stood still for so many seconds, by the clock on the wall. */
export function onWake(seconds, wake) {
  let last = Date.now();
  const look = () => {
    const stood = Date.now() - last;
    last += stood;
    if (stood >= 1000 * seconds) wake();
  };
  setInterval(look, LOOK_MS);
  for (const name of ["visibilitychange", "resume"]) document.addEventListener(name, look); // they may come before the timer
  addEventListener("pageshow", look);
}
