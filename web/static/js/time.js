// Times that stay true while the page is open, by the server's clock.
//   <time data-clock>                      now, 14:00:05
//   <time datetime="…" data-relative>      in 12 minutes, 3 days ago; with data-left="{time} left" data-past="{time} late"
//                                          a deadline: 4 hours left, 3 days late
//   <time datetime="…" data-countdown>     12:05 left, 00:00 from then on
//   <time datetime="…" data-elapsed>       00:42 since

import { showFigures } from "./figures.js";
import { lang, timeZone } from "./page.js";

const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const words = new Intl.RelativeTimeFormat(lang, { numeric: "always" });
const SPANS = STEPS.slice(3).map(([unit, size]) => [new Intl.NumberFormat(lang, { style: "unit", unit, unitDisplay: "long" }), size]);
const clock = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", second: "2-digit" });

// The server wrote its time into the page; the age of the page when this runs is added.
const written = Date.parse(document.documentElement.dataset.serverNow);
const received = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart ?? 0);
let offset = Number.isFinite(written) ? written - received : 0;

// A page shown again from the browser's history is old: its written time no longer tells anything new.
/** The server's time in milliseconds. */
export function now() {
  return performance.timeOrigin + performance.now() + offset;
}

/** Sets the clock by a time the server just sent (milliseconds). */
export function setServerTime(milliseconds) {
  offset = milliseconds - performance.timeOrigin - performance.now();
  tick();
}

/** “sau 12 phút nữa”, “3 ngày trước”. */
export function relative(milliseconds, at = now()) {
  const seconds = (milliseconds - at) / 1000;
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length * 1.2) ?? ["second", 1];
  return words.format(Math.trunc(seconds / size), unit);
}

/** How far a deadline is, in the words of its element. */
function deadline({ left, past }, milliseconds, at) {
  const seconds = Math.abs(milliseconds - at) / 1000;
  const [unit, size] = SPANS.find(([, length]) => seconds >= length * 1.2) ?? SPANS.at(-1);
  return (milliseconds >= at ? left : past).replace("{time}", unit.format(Math.trunc(seconds / size)));
}

/** 02:03 or 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${pad(Math.floor((whole % 3600) / 60))}:${pad(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** The value of a date-time field (no zone) in words: Thứ Ba 24/11/2026, 17:00. */
export function wallClock(value) {
  const [, year, month, day, time] = /^(\d+)-(\d\d)-(\d\d)T(\d\d:\d\d)/.exec(value) ?? [];
  if (!year) return "";
  const weekday = new Date(Date.UTC(year, month - 1, day)).toLocaleDateString(lang, { weekday: "long", timeZone: "UTC" });
  return `${weekday.replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase())} ${day}/${month}/${year}, ${time}`;
}

function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Brings every time of `root` up to date. */
export function tick(root = document) {
  const at = now();
  for (const element of root.querySelectorAll("time[data-clock], time[data-relative], time[data-countdown], time[data-elapsed]")) {
    const when = Date.parse(element.dateTime);
    if ("clock" in element.dataset) showFigures(element, clock.format(at));
    else if (Number.isNaN(when)) element.textContent = "";
    else if ("relative" in element.dataset) show(element, element.dataset.left ? deadline(element.dataset, when, at) : relative(when, at));
    else if ("countdown" in element.dataset) showFigures(element, duration((when - at) / 1000));
    else showFigures(element, duration((at - when) / 1000));
  }
}

/** Ticks on each full second for as long as the page lives. */
export function startClocks() {
  tick();
  setTimeout(startClocks, 1000 - (now() % 1000));
}
