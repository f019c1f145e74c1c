// A job as people see it: how far it is, how long it will take, and a way to stop it.

import { call, follow, jobAddress, Problem, startJob } from "./api.js";
import { announce, h, seconds } from "./dom.js";

export class JobView {
  /** `title` is what is being made, `step` what a step is called. */
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
   * Makes the call at `url` a job and sees it through: gives the job's result as JSON, or null if it was cancelled. `picture` gets
   * the picture so far as a URL.
   */
  async run(url, options, picture) {
    this.leave();
    const leaving = new AbortController();
    this.leaving = leaving;
    this.#show(null);
    this.element.hidden = false;
    try {
      const job = await startJob(url, { ...options, signal: leaving.signal });
      this.job = job;
      this.#show(job);
      const events = { progress: (job) => this.#show(job), picture, signal: leaving.signal };
      const ended = await follow(job.id, events);
      if (ended.status === "cancelled") {
        announce("Cancelled");
        return null;
      }
      if (ended.status === "failed") throw new Problem({ ...ended.error, title: "The job failed", status: 500, job: job.id });
      const answer = await call(jobAddress(job.id, "/result"), { headers: { accept: "application/json" }, signal: leaving.signal });
      this.finished = job.id;
      announce(`${this.title}: done`);
      return await answer.json();
    } finally {
      if (this.leaving === leaving) {
        this.element.hidden = true;
        this.leaving = null;
        this.job = null;
      }
    }
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
    const { job } = this;
    this.leaving.abort();
    if (job) call(jobAddress(job.id), { method: "DELETE", keepalive: true }).catch(() => {});
  }

  #show(job) {
    this.cancelButton.disabled = false;
    this.bar.value = job?.progress ?? 0;
    if (!job || job.status === "queued") {
      this.text.textContent = "Waiting for a worker …";
      return;
    }
    const { iteration, seconds_left: left } = job;
    const steps = iteration ? `${iteration.step} of ${iteration.steps} ${this.step}` : "Running";
    this.text.textContent = left === undefined ? steps : `${steps} · ${seconds(left)} left`;
  }
}
