// Calls of the service, whose addresses are relative to the page: it may stand behind a gateway under any path.

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
    response = await fetch(url, options);
  } catch (error) {
    if (Problem.isAbort(error)) throw error;
    throw new Problem({ title: "No answer", detail: "The server cannot be reached: is it running, and is the network up?" });
  }
  if (response.ok) return response;
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

/**
 * Listens to a job until it ends. `progress` gets the job, `picture` a data URL. Resolves with the job that has ended; where events
 * stop coming, the job is asked for by itself.
 */
export function follow(id, { progress, picture, signal }) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(jobAddress(id, "/events"));
    const stop = (finish, value) => {
      events.close();
      finish(value);
    };
    signal?.addEventListener("abort", () => stop(reject, new DOMException("The page has moved on", "AbortError")));
    events.addEventListener("progress", (event) => progress(JSON.parse(event.data)));
    events.addEventListener("picture", (event) => {
      const { media_type: type, b64 } = JSON.parse(event.data);
      picture?.(`data:${type};base64,${b64}`);
    });
    events.addEventListener("end", (event) => stop(resolve, JSON.parse(event.data)));
    events.addEventListener("error", async () => {
      if (events.readyState !== EventSource.CLOSED) return;
      const job = await json(jobAddress(id)).catch((error) => stop(reject, error));
      if (!job) return;
      if (["queued", "running"].includes(job.status)) {
        setTimeout(() => follow(id, { progress, picture, signal }).then(resolve, reject), 1000);
      } else {
        stop(resolve, job);
      }
    });
  });
}
