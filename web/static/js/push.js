// Notifications while the browser is closed (Web Push): switched on on one's own account, renewed at each sign-in.
//   [data-push-offer]     the notice of the home page, while nobody has answered the browser's question; texts in data-done, -failed
//   [data-push]           the words and the button of the account page; words in data-unsupported, -denied, -on, -off

import { accountId, csrf } from "./page.js";
import { recall, remember } from "./store.js";
import { toast } from "./toast.js";

const KEY = "push"; // the account that has switched it on in this browser
const LATER = "push-later"; // the account that was asked on the home page and wants it later
const API = "/api/v1/push-subscription";

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

const same = (buffer, key) => buffer && buffer.byteLength === key.length && new Uint8Array(buffer).every((byte, n) => byte === key[n]);

async function serverKey() {
  return (await (await fetch(API)).json()).key;
}

async function subscribe(registration) {
  const text = await serverKey();
  if (!text) return false;
  const key = bytes(text);
  let subscription = await registration.pushManager.getSubscription();
  if (subscription && !same(subscription.options.applicationServerKey, key)) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const reply = await fetch(API, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify({ endpoint: subscription.endpoint, keys: subscription.toJSON().keys }),
  });
  if (!reply.ok) throw new Error((await reply.json()).title);
  remember(KEY, accountId);
  remember("push-session", csrf);
  return true;
}

/** Ties this browser's subscription to the sign-in of this page, once for each sign-in. */
export function refreshPush(registration) {
  if (recall(KEY) !== accountId || recall("push-session") === csrf || window.Notification?.permission !== "granted") return;
  subscribe(registration).catch((error) => console.info("notifications were not renewed:", error.message));
}

/** The home page: offers it in one tap, as long as it was neither allowed nor forbidden nor put off. The page renews what it
 *  shows, so the document says whether the notice stands there, and hears its buttons. */
export async function offerPush() {
  const page = document.documentElement;
  if (!document.querySelector("[data-push-offer]") || !navigator.serviceWorker || !window.PushManager) return;
  if (window.Notification?.permission !== "default" || recall(LATER) === accountId || !(await serverKey())) return;
  page.dataset.offersPush = "";
  document.addEventListener("click", async ({ target }) => {
    if (target.closest("[data-push-offer-later]")) {
      remember(LATER, accountId);
      delete page.dataset.offersPush;
      return;
    }
    const button = target.closest("[data-push-offer-on]");
    if (!button) return;
    const { done, failed } = button.closest("[data-push-offer]").dataset;
    button.setAttribute("aria-busy", "true");
    try {
      if ((await Notification.requestPermission()) === "granted" && (await subscribe(await navigator.serviceWorker.ready))) toast(done, { iconName: "bell" });
      delete page.dataset.offersPush; // who has said no is not asked again
    } catch (error) {
      console.info("notifications could not be switched on:", error.message);
      toast(failed);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** The account page: says how it stands, and switches it on. */
export async function startPush() {
  const box = document.querySelector("[data-push]");
  if (!box) return;
  const words = box.querySelector("[data-push-words]");
  const button = box.querySelector("[data-push-on]");
  const show = (state) => {
    words.textContent = box.dataset[state];
    button.hidden = state !== "off";
    box.hidden = false;
  };
  if (!navigator.serviceWorker || !window.PushManager || !window.Notification) return show("unsupported");
  if (Notification.permission === "denied") return show("denied");
  const registration = await navigator.serviceWorker.ready;
  const on = recall(KEY) === accountId && (await registration.pushManager.getSubscription());
  show(on ? "on" : "off");
  button.addEventListener("click", async () => {
    button.setAttribute("aria-busy", "true");
    try {
      const allowed = (await Notification.requestPermission()) === "granted";
      if (!allowed) show("denied");
      else if (await subscribe(registration)) location.assign("/account?done=push#reach");
    } catch (error) {
      console.info("notifications could not be switched on:", error.message);
      show("failed");
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}
