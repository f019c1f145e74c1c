// Calls of the service, whose addresses are relative to the page: it may stand behind a gateway under any path.

import { askForKey, keyHeaders } from "./key.js";

/** An error in words: of the service (RFC 9457), or of the way to it. */
export class Problem extends Error {
  constructor({ title, status, code, detail, request_id: requestId, job }) {
    super(detail ?? title);
    Object.assign(this, { title, status, code, requestId: job ?? requestId, job });
  }

  /** Whether `error` only says that nobody waits for the answer any more. */
  static isAbort(error) {
    return error instanceof DOMException && error.name === "AbortError";
  }
}

/** The whole address of `path`. */
export const address = (path) => new URL(path, document.baseURI).href;

/** The address of a model's call, with `options` as [name, value] pairs. */
export function modelAddress(model, call = "", options = []) {
  const query = new URLSearchParams(options).toString();
  return address(`v1/models/${encodeURIComponent(model)}${call}${query && `?${query}`}`);
}

/** The answer, or a `Problem`. */
export async function call(url, options = {}) {
  let response;
  try {
    response = await fetch(url, { ...options, headers: { ...options.headers, ...keyHeaders() } });
  } catch (error) {
    if (Problem.isAbort(error)) throw error;
    throw new Problem({ title: "No answer", detail: "The server cannot be reached: is it running, and is the network up?" });
  }
  if (response.ok) return response;
  askForKey(response.status);
  const id = response.headers.get("x-request-id");
  const body = await response.json().catch(() => ({}));
  const title = body.title ?? response.statusText ?? "Error";
  throw new Problem({ detail: `The server answered ${response.status}.`, request_id: id, ...body, title, status: response.status });
}

/** The JSON of an answer. */
export async function json(url, options = {}) {
  const headers = { accept: "application/json", ...options.headers };
  return (await call(url, { ...options, headers })).json();
}

/** What a POST of the picture's file takes. */
export function withPicture(picture, signal) {
  const type = picture.file.type.startsWith("image/") ? picture.file.type : "application/octet-stream";
  return { method: "POST", body: picture.file, headers: { "content-type": type }, signal };
}

/** Makes the call at `url` a job, and gives the job. */
export function startJob(url, options = {}) {
  return json(url, { method: "POST", ...options, headers: { ...options.headers, prefer: "respond-async" } });
}

/** The address of a job, or of its `part`. */
export const jobAddress = (id, part = "") => address(`v1/jobs/${id}${part}`);
