// A picture made from noise: it grows while its job runs, and can be kept.

import { call, jobAddress, modelAddress, Problem } from "./api.js";
import { copy, curl } from "./curl.js";
import { announce, h } from "./dom.js";
import { JobView } from "./job-view.js";
import { showProblem } from "./problem.js";
import { jsonFile, save, savingRow } from "./saving.js";
import { state } from "./state.js";

export class Maximization {
  constructor(title) {
    this.title = title;
    this.image = h("img", { class: "growing", alt: "", hidden: true });
    this.hint = h("p", { class: "hint" }, "Nothing drawn yet");
    this.job = new JobView(title, "steps");
    this.problem = h("div");
    this.caption = h("p", { class: "growing-caption" }, "\u00a0");
    this.saving = savingRow(title, {
      PNG: () => save(this.#png(), `${this.#fileName()}.png`),
      npy: () => this.#saveNpy(),
      JSON: () => save(jsonFile(this.answer), `${this.#fileName()}.json`),
      "Copy as curl": () => copy(this.#curl()),
    });
    this.element = h("div", { class: "maximization" },
      h("div", { class: "growing-box" }, this.hint, this.image), this.caption, this.job.element, this.problem, this.saving);
    this.#ready(false);
  }

  #ready(ready) {
    this.saving.hidden = !ready;
    this.element.dataset.state = ready ? "ready" : "empty";
  }

  /** Forgets the picture, and stops the job if one runs. */
  clear() {
    this.job.leave();
    this.answer = null;
    this.image.hidden = true;
    this.hint.hidden = false;
    this.caption.textContent = "\u00a0";
    showProblem(this.problem, null);
    this.#ready(false);
  }

  /** Makes the picture that `options` ask for, which `said` describes; `done` is called with the picture's address. */
  async run(options, said, done) {
    this.clear();
    Object.assign(this, { model: state.model.name, options, said });
    this.hint.hidden = true;
    this.caption.textContent = said;
    const url = modelAddress(this.model, "/activation-maximization", options);
    try {
      const picture = ({ media_type: type, b64 }) => this.#show(`data:${type};base64,${b64}`, "so far");
      if (!await this.job.run(url, {}, { picture })) return this.clear();
      const answer = await this.job.result();
      this.answer = answer;
      this.#show(`data:image/png;base64,${answer.image.b64}`, "finished");
      this.#ready(true);
      done?.(this.image.src);
    } catch (error) {
      if (Problem.isAbort(error)) return;
      showProblem(this.problem, error, () => this.run(options, said, done));
    }
  }

  #show(source, stage) {
    this.image.src = source;
    this.image.alt = `${this.said}: the picture made for it, ${stage}`;
    this.image.hidden = false;
    if (stage === "finished") announce(`${this.said}: finished`);
  }

  #png() {
    const bytes = Uint8Array.from(atob(this.answer.image.b64), (letter) => letter.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }

  async #saveNpy() {
    try {
      const answer = await call(jobAddress(this.job.finished, "/result"), { headers: { accept: "application/x-npy" } });
      save(await answer.blob(), `${this.#fileName()}.npy`);
    } catch (error) {
      showProblem(this.problem, error);
    }
  }

  #fileName() {
    return `${this.model}-${this.options.map(([, value]) => value).join("-")}`.replace(/[^\w.-]+/g, "-");
  }

  #curl() {
    const url = modelAddress(this.model, "/activation-maximization", this.options);
    return curl(url, { method: "POST", accept: "image/png", output: `${this.#fileName()}.png` });
  }
}
