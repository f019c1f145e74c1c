// Errors in words.

import { h } from "./dom.js";

/** A box that says what went wrong, what to do, and by which id the server's log knows of it. */
export function problemBox(error, again) {
  return h("div", { class: "problem", role: "alert" },
    h("p", { class: "problem-title" }, titleOf(error)),
    h("p", {}, sentence(messageOf(error))),
    error.requestId ? h("p", { class: "problem-id" }, `${error.job ? "Job" : "Request"} `, h("code", {}, error.requestId)) : null,
    again ? h("button", { type: "button", class: "button small", on: { click: again } }, "Try again") : null,
  );
}

/** Shows `error` in `place`, or nothing if there is none. */
export function showProblem(place, error, again) {
  place.replaceChildren(...(error ? [problemBox(error, again)] : []));
}

/** What to do: the service tells programs where a key goes, and people have a field. */
const messageOf = (error) => (error.code === "missing_key" ? "Put yours into the field at the top of this page" : error.message);

function titleOf(error) {
  switch (error.status) {
    case undefined: return error.title ?? "Something went wrong in this page";
    case 401: return "An API key is needed";
    case 403: return "This key does not allow it";
    case 404: return "Not there";
    case 413: return "Too large";
    case 415:
    case 422: return "This cannot be done";
    case 503: return "Not now";
    case 504: return "It took too long";
    default: return error.title || "The server could not do this";
  }
}

function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(first) ? first : `${first}.`;
}
