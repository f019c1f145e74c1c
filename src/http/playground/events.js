// A job's events, read by `fetch`: an `EventSource` could not send the API key.

import { call, jobAddress, json, Problem } from "./api.js";

/** How long after a connection that broke the next is tried, in milliseconds. */
const PAUSE = 1000;
/** What is answered while the service, or where it keeps its jobs, is away. */
const AWAY = [502, 503, 504];

/** The events in the text of a body, {name, id, data}, as they come. */
async function* read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

/** An event out of its lines; null for a comment, which only tells that the connection lives. */
function parsed(block) {
  const event = { name: "message", id: null, data: [] };
  for (const line of block.split("\n")) {
    const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === "event") event.name = value;
    if (field === "id") event.id = value;
    if (field === "data") event.data.push(value);
  }
  return event.data.length ? { ...event, data: JSON.parse(event.data.join("\n")) } : null;
}

const pause = (signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, PAUSE);
  signal?.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  }, { once: true });
});

/**
 * Listens to the job `id` until it ends, and gives it as it then stands. `tell` has a listener for each kind of event: `progress`,
 * `picture`, `explanation`. Where a connection breaks, the next goes on after the last event.
 */
export async function follow(id, tell, signal) {
  let last = null;
  for (;;) {
    try {
      const headers = last === null ? {} : { "last-event-id": last };
      const response = await call(jobAddress(id, "/events"), { headers, signal });
      // Without a body, the last event seen was the end.
      if (response.status === 204) return await json(jobAddress(id), { signal });
      for await (const { name, id: own, data } of read(response.body)) {
        last = own ?? last;
        if (name === "end") return data;
        tell[name]?.(data);
      }
    } catch (error) {
      // A connection that breaks, or a store that is away, is tried again; that there is no such job is an answer.
      if (signal?.aborted || (error instanceof Problem && error.status && !AWAY.includes(error.status))) throw error;
    }
    await pause(signal);
  }
}
