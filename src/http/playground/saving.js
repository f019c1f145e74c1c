// Files for the person: what is shown, as PNG, npy and JSON, and as a call to repeat it.

import { h } from "./dom.js";

/** Saves `blob` under `name`. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** `value` as a file of JSON. */
export const jsonFile = (value) => new Blob([JSON.stringify(value)], { type: "application/json" });

/** The canvas as a PNG file. */
export const pngFile = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** A row of buttons, out of {words: action}, about what `title` names. */
export function savingRow(title, actions) {
  const buttons = Object.entries(actions).map(([words, action]) =>
    h("button", { type: "button", class: "text-button", "aria-label": `${words}: ${title}`, on: { click: action } }, words));
  return h("div", { class: "saving", role: "group", "aria-label": `Save or repeat ${title}` }, buttons);
}
