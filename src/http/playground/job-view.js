// A job as people see it: how far it is, how long it will take, and a way to stop it.

import { call, jobAddress, json, Problem, startJob } from "./api.js";
import { announce, h, percent, seconds } from "./dom.js";
import { follow } from "./events.js";

export class JobView {
  /** `title` is what is being made, `step` what a step is called; without one, the share that is done is told. */
  constructor(title, step) {
    this.title = title;
    this.step = step;
    this.bar = h("progress", { max: 1, value: 0, "aria-label": `Progress: ${title}` });
    this.text = h("p", { class: "job-text" });
    this.cancelButton = h("button", { type: "button", class: "button small", on: { click: () => this.cancel() } }, "Cancel");
    this.element = h("div", { class: "job", hidden: true }, this.text, this.bar, this.cancelButton);
    addEventListener("pagehide", () => this.leave());
  }

  /**
   * Makes the call at `url` a job and sees it through: gives the job when it has succeeded, or null if it was cancelled. `tell` has
   * listeners for what comes on the way: `progress`, `picture`, `explanation`.
   */
  async run(url, options, tell = {}) {
    this.leave();
    const leaving = new AbortController();
    this.leaving = leaving;
    this.#show(null);
    this.element.hidden = false;
    try {
      const job = await startJob(url, { ...options, signal: leaving.signal });
      this.job = job;
      const progress = (job) => {
        this.#show(job);
        tell.progress?.(job);
      };
      progress(job);
      const ended = await follow(job.id, { ...tell, progress }, leaving.signal);
      if (ended.status === "cancelled") {
        announce("Cancelled");
        return null;
      }
      if (ended.status === "failed") throw new Problem({ ...ended.error, title: "The job failed", status: 500, job: job.id });
      this.finished = job.id;
      announce(`${this.title}: done`);
      return ended;
    } finally {
      if (this.leaving === leaving) this.#end();
    }
  }

  /** The result of the job that finished last, as JSON. */
  result(signal) {
    return json(jobAddress(this.finished, "/result"), { signal });
  }

  /** Whether a job runs. */
  get running() {
    return Boolean(this.leaving);
  }

  /** Asks the service to stop the job; its end comes with the events. */
  async cancel() {
    this.text.textContent = "Cancelling …";
    this.cancelButton.disabled = true;
    if (!this.job) return this.leave();
    await call(jobAddress(this.job.id), { method: "DELETE" }).catch(() => this.leave());
  }

  /** Stops listening, and tells the service that nobody waits. */
  leave() {
    if (!this.leaving) return;
    const { job, leaving } = this;
    this.#end();
    leaving.abort();
    if (job) call(jobAddress(job.id), { method: "DELETE", keepalive: true }).catch(() => {});
  }

  #end() {
    this.element.hidden = true;
    this.leaving = null;
    this.job = null;
  }

  #show(job) {
    this.cancelButton.disabled = false;
    this.bar.value = job?.progress ?? 0;
    if (!job || job.status === "queued") {
      this.text.textContent = "Waiting for a worker …";
      return;
    }
    const { iteration, seconds_left: left } = job;
    const steps = this.step && iteration ? `${iteration.step} of ${iteration.steps} ${this.step}` : percent(job.progress);
    this.text.textContent = left === undefined ? steps : `${steps} · ${seconds(left)} left`;
  }
}
