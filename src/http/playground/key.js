// The API key, where the service asks for one: kept as long as the tab, sent in a header, and never part of an address.

import { byId } from "./dom.js";

const NAME = "glassbox-key";
const listeners = new Set();
let key = kept();

function kept() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function keep(value) {
  key = value;
  try {
    if (key) sessionStorage.setItem(NAME, key);
    else sessionStorage.removeItem(NAME);
  } catch {
    // The key lasts as long as the page.
  }
}

/** The header that a call needs; `Authorization` may be the gateway's own. */
export const keyHeaders = () => (key ? { "x-api-key": key } : {});

/** Whether calls carry a key. */
export const hasKey = () => Boolean(key);

/** Calls `listener` when another key is given. */
export const onKey = (listener) => listeners.add(listener);

/** Shows the field if `status` says that a key is lacking, unknown, or does not allow a call. */
export function askForKey(status) {
  if (status === 401 || status === 403) byId("key-form").hidden = false;
}

function use(event) {
  event.preventDefault();
  keep(byId("key").value.trim());
  for (const listener of listeners) listener();
}

/** Lets a key be given; one that was given before is in the field. */
export function startKey() {
  byId("key").value = key;
  byId("key-form").hidden = !key;
  byId("key-form").addEventListener("submit", use);
}
