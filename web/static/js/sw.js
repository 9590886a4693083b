// What stays on this device while there is no network (a service worker): the pages last opened, confirmations that wait,
// and notifications to a closed browser.
//   pages     `/`, the inbox, and directives that were opened; shown as kept when the network fails
//   queue     "Đã nhận" and "Tiếp nhận" pressed meanwhile, with their command_id and time; sent when the network is back
// Both belong to an account in one of its units: pages are shown, and confirmations sent, only while it acts there. What the
// unit has given up at a recall is kept no longer.
//   push      {title, body, href, tag, urgent}, see server/reach/words.py
// Pages speak to it by messages: hello, queue, flush, forget, alive; it answers "sent" to all of them.

const PAGES = "pages";
const FILES = "files";
const MOST_PAGES = 40;
const LISTS = ["/", "/directives/in"]; // kept though not opened: who comes by a link in a message finds the others, too
const OLD_MS = 600000;
const KEPT = /^\/(?:$|directives\/in$|directives\/\d+$)/;
const ONE = /^\/directives\/(\d+)$/;
const FILE = /^\/(?:static|vendor)\//;
const CONFIRM = /^\/directives\/(\d+)\/register$/;
const LIVE = /^\/(meetings|check)(\/|$)/; // nothing without a network; and Firefox finds no way for sound from a page that came through here
const OFFLINE = "/offline";
const PATIENCE_MS = 10000; // until the head of an answer is there: a line that is dead looks like one that is slow, for minutes
const DEAD_MS = 30000; // so long, or until anything comes, it counts as dead after that
const DEAD_PATIENCE_MS = 1000;
const LATER = new Set([401, 408, 425, 429]); // signed out, or too much at once: the same can be taken another time
const HELD = new Set(["csrf", "other_unit"]); // it can, too, once a page says hello again

// ---- what is remembered: `facts` of the last page (account, unit, units of all its roles, csrf, offset of its clock), and the queue

function database() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("giaoban", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("queue", { keyPath: "command" });
      opening.result.createObjectStore("facts");
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

async function stored(name, mode, work) {
  const opened = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = opened.transaction(name, mode);
      const request = work(transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    opened.close();
  }
}

const facts = async () => (await stored("facts", "readonly", (store) => store.get("page"))) ?? {};

async function queueOf(account) {
  const items = await stored("queue", "readonly", (store) => store.getAll());
  return items.filter((item) => item.account === account).sort((a, b) => a.made - b.made);
}

const unitless = ({ unit }) => !unit; // pressed before confirmations named their unit, on a page that is not kept any more

// ---- pages and files

// Whose a page is, as it says itself: an account, and the unit that it acts in. A screen's is nobody's.
function whose(text) {
  const found = /<html\b[^>]* data-account-id="(\d+)" data-unit-id="(\d+)"/.exec(text);
  return found && { account: found[1], unit: Number(found[2]) };
}

// Facts from before the update name no unit: then the account alone decides.
const same = (page, now) => page !== null && page.account === now.account && (!now.unit || page.unit === now.unit);

async function keptPages() {
  const cache = await caches.open(PAGES);
  const keys = await cache.keys();
  return Promise.all(keys.map(async (key) => [key, await (await cache.match(key))?.text() ?? ""]));
}

async function dropOthers(now) {
  const cache = await caches.open(PAGES);
  for (const [key, text] of await keptPages()) {
    if (!same(whose(text), now)) await cache.delete(key);
  }
}

const GIVEN_UP = /<html\b[^>]* data-given-up/;
const forget = async (address) => (await caches.open(PAGES)).delete(address, { ignoreSearch: true });

// Nobody told this device of recalls that its unit agreed to while it was off.
async function forgetGivenUp(origin) {
  const opened = (await (await caches.open(PAGES)).keys()).map(({ url }) => ONE.exec(new URL(url).pathname)?.[1]).filter(Boolean);
  if (!opened.length) return;
  const reply = await fetch(`/api/v1/directives/given-up?${new URLSearchParams(opened.map((id) => ["among", id]))}`).catch(() => null);
  const { directives } = reply?.ok ? await reply.json() : { directives: [] };
  for (const id of directives) await forget(`${origin}/directives/${id}`);
}

async function keep(url, reply) {
  const text = await reply.text();
  if (!whose(text)) return;
  if (GIVEN_UP.test(text)) return forget(url.split("?")[0]);
  const headers = new Headers(reply.headers);
  headers.set("X-Kept-At", new Date().toISOString());
  const cache = await caches.open(PAGES);
  await cache.delete(url);
  await cache.put(url, new Response(text, { headers }));
  const all = await cache.keys();
  await Promise.all(all.slice(0, Math.max(0, all.length - MOST_PAGES)).map((old) => cache.delete(old)));
}

async function kept(url) {
  const found = await (await caches.open(PAGES)).match(url);
  if (!found) return null;
  const headers = new Headers(found.headers);
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  const text = await found.text();
  if (!same(whose(text), await facts())) return null;
  return new Response(text.replace("<html ", `<html data-kept-at="${headers.get("X-Kept-At")}" `), { headers });
}

let deadUntil = 0;

// The reply, or null when none has come in time.
async function answered(asked) {
  const patience = Date.now() < deadUntil ? DEAD_PATIENCE_MS : PATIENCE_MS;
  const reply = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, patience, null))]);
  if (reply) deadUntil = 0;
  else {
    asked.catch(() => {});
    if (Date.now() >= deadUntil) deadUntil = Date.now() + DEAD_MS; // not longer: a slow line has its chance again
  }
  return reply;
}

async function page(event, url) {
  const address = url.origin + url.pathname + url.search;
  try {
    const asked = fetch(event.request);
    const found = !(await answered(asked)) && KEPT.test(url.pathname) && (await kept(address));
    if (found) return found;
    const reply = await asked;
    if (reply.ok && url.pathname === "/sign-in") event.waitUntil(caches.delete(PAGES));
    else if (reply.ok && KEPT.test(url.pathname)) event.waitUntil(keep(address, reply.clone()));
    return reply;
  } catch (error) {
    const found = (KEPT.test(url.pathname) && (await kept(address))) || (await caches.match(OFFLINE));
    if (found) return found;
    throw error;
  }
}

async function keepFile(request, url, reply) {
  const cache = await caches.open(FILES);
  const olds = (await cache.keys(request, { ignoreSearch: true })).filter((old) => old.url !== url.href);
  await Promise.all([cache.put(request, reply), ...olds.map((old) => cache.delete(old))]);
}

async function file(event, url) {
  const { request } = event;
  const cache = await caches.open(FILES);
  if (url.searchParams.has("v")) {
    const found = await cache.match(request);
    if (found) return found;
  }
  try {
    const asked = fetch(request);
    const old = Date.now() < deadUntil && (await cache.match(request, { ignoreSearch: true }));
    if (old && !(await answered(asked))) return old;
    const reply = await asked;
    if (reply.ok) event.waitUntil(keepFile(request, url, reply.clone()));
    return reply;
  } catch (error) {
    const found = await cache.match(request, { ignoreSearch: true });
    if (found) return found;
    throw error;
  }
}

// ---- confirmations

// It waits on this device from the press until the server has answered, whatever becomes of the line or of the browser.
async function confirm(event, url) {
  const noted = note(event.request.clone(), url).catch(() => null);
  try {
    const reply = await answered(fetch(event.request));
    if (!reply) throw new Error("no answer");
    const command = await noted;
    if (command) await stored("queue", "readwrite", (store) => store.delete(command)).catch(() => {});
    return reply;
  } catch (error) {
    if (!(await noted)) throw error;
    await self.registration.sync?.register("send").catch(() => {});
    const from = event.request.referrer ? new URL(event.request.referrer).pathname : "/";
    return Response.redirect(KEPT.test(from) ? from : "/", 303);
  }
}

async function note(request, url) {
  const [form, { account, offset = 0 }] = [await request.formData(), await facts()];
  const [command, directive] = [form.get("command_id"), Number(CONFIRM.exec(url.pathname)[1])];
  const unit = Number(form.get("unit")) || (await unitOf(command));
  const item = { command, directive, account, unit, made: Date.now() + offset };
  await stored("queue", "readwrite", (store) => store.add(item)).catch(() => {}); // pressed twice: the first time counts
  return command;
}

// The unit of a button whose form names none, as pages did before: that of the kept page on which it stands.
async function unitOf(command) {
  const page = (await keptPages()).find(([, text]) => text.includes(`value="${command}"`));
  return page && whose(page[1])?.unit;
}

async function nameUnits() {
  for (const item of (await stored("queue", "readonly", (store) => store.getAll())).filter(unitless)) {
    const unit = await unitOf(item.command);
    if (unit) await stored("queue", "readwrite", (store) => store.put({ ...item, unit }));
  }
}

let sending = Promise.resolve();
const flush = (from) => (sending = sending.catch(() => {}).then(() => send(from)));

// The server's answer; status 0 without one, or where a network answers with a page of its own instead.
async function register({ command, directive, made, unit }, csrf) {
  try {
    const reply = await fetch(`/api/v1/directives/${directive}/register`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify({ command_id: command, made_at: new Date(made).toISOString(), unit }),
    });
    return { ...(await reply.json()), status: reply.status };
  } catch {
    return { status: 0 };
  }
}

const refused = ({ status, code }) => status >= 400 && status < 500 && !LATER.has(status) && !HELD.has(code);

// `from` is a page, which says who is signed in and hears what was refused; without one a refusal is asked for again. Gives
// whether something is left for another time.
async function send(from) {
  const { account, unit, units, csrf } = await facts();
  let left = false;
  const sent = { type: "sent", done: [], refused: [] };
  const over = async (list, item) => {
    if (list === sent.refused && !from) return;
    list.push(item);
    await stored("queue", "readwrite", (store) => store.delete(item.command));
  };
  for (const item of await queueOf(account)) {
    if (!unitless(item) && item.unit !== unit) {
      if (units && !units.includes(item.unit)) await over(sent.refused, item); // no role is left there
      continue; // held until the person acts there
    }
    const { status, code, title } = await register(item, csrf);
    if (status === 200) await over(sent.done, item);
    else if (refused({ status, code })) await over(sent.refused, { ...item, title });
    else if (code !== "other_unit") {
      left = true; // none of the others would be taken now
      break;
    }
  }
  if (sent.done.length || sent.refused.length) {
    for (const client of await self.clients.matchAll({ type: "window" })) client.postMessage(sent);
  }
  return left;
}

// The page that says hello: it was loaded before we came.
async function keepOpen({ origin, pathname, search }) {
  const address = origin + pathname + search;
  if (!KEPT.test(pathname) || (await (await caches.open(PAGES)).match(address))) return;
  const reply = await fetch(address).catch(() => null);
  if (reply?.ok && !reply.redirected) await keep(address, reply);
}

// Not the directives themselves: they would count as seen.
async function keepLists(origin) {
  const cache = await caches.open(PAGES);
  for (const path of LISTS) {
    const found = await cache.match(origin + path);
    if (found && Date.now() - new Date(found.headers.get("X-Kept-At")) < OLD_MS) continue;
    const reply = await fetch(path).catch(() => null);
    if (reply?.ok && !reply.redirected) await keep(origin + path, reply);
  }
}

async function hello({ account, unit, units, csrf, offset, files }, from) {
  const before = await facts();
  await nameUnits();
  await stored("facts", "readwrite", (store) => store.put({ account, unit, units, csrf, offset }, "page"));
  if (before.account !== account || before.unit !== unit) await dropOthers({ account, unit }); // somebody else sits here now, or acts elsewhere
  await keepOpen(new URL(from));
  await flush(from);
  await forgetGivenUp(new URL(from).origin);
  const cache = await caches.open(FILES);
  for (const address of files) {
    if (!(await cache.match(address))) await cache.add(address).catch(() => {}); // what the page loaded before we came
  }
  await keepLists(new URL(from).origin);
}

// ---- events

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(FILES).then((cache) => cache.add(new Request(OFFLINE, { cache: "reload", credentials: "omit" }))).catch(() => {}));
});

self.addEventListener("activate", (event) => event.waitUntil(nameUnits().catch(() => {}).then(() => self.clients.claim())));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== location.origin) return;
  if (request.mode === "navigate" && LIVE.test(url.pathname)) return;
  if (request.mode === "navigate" && request.method === "GET") event.respondWith(page(event, url));
  else if (request.mode === "navigate" && CONFIRM.test(url.pathname)) event.respondWith(confirm(event, url));
  else if (request.mode === "navigate" && url.pathname === "/sign-out") event.waitUntil(caches.delete(PAGES));
  else if (request.method === "GET" && FILE.test(url.pathname)) event.respondWith(file(event, url));
});

self.addEventListener("sync", (event) => {
  if (event.tag !== "send") return;
  event.waitUntil(flush().then((left) => {
    if (left) throw new Error("to be sent another time"); // or the browser would not ask again while all pages are closed
  }));
});

self.addEventListener("message", (event) => {
  const { data, ports, source } = event;
  if (data.type === "alive") deadUntil = 0;
  else if (data.type === "hello") event.waitUntil(hello(data, source.url));
  else if (data.type === "flush") event.waitUntil(flush(source.url));
  else if (data.type === "forget") event.waitUntil(forget(`${location.origin}/directives/${data.directive}`));
  else if (data.type === "queue") event.waitUntil(queueOf(data.account).then((items) => ports[0].postMessage(items)));
});

self.addEventListener("push", (event) => {
  const { title, body, href, tag, urgent } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, {
    body, tag, renotify: true, requireInteraction: urgent, data: { href }, icon: "/static/img/icon-192.png", badge: "/static/img/badge-96.png",
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const address = new URL(event.notification.data.href, location.origin).href;
    const open = (await self.clients.matchAll({ type: "window" })).find((client) => client.url === address);
    return open ? open.focus() : self.clients.openWindow(address);
  })());
});
