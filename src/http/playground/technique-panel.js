// One technique: its map over the picture, what it says, and what to do with it.

import { modelAddress, Problem, withPicture } from "./api.js";
import { copy, curl } from "./curl.js";
import { h } from "./dom.js";
import { help } from "./help.js";
import { JobView } from "./job-view.js";
import { MapView } from "./map-view.js";
import { readMap } from "./maps.js";
import { npy } from "./npy.js";
import { showProblem } from "./problem.js";
import { jsonFile, pngFile, save, savingRow } from "./saving.js";
import { explained, state } from "./state.js";

export class TechniquePanel {
  /** `options` are those of the technique, with `element` and `values()`; `ask` asks again for all that is missing. */
  constructor(technique, options, ask) {
    Object.assign(this, { technique, options, ask });
    /** What was found, by class and options: {map, seen, json}. */
    this.found = new Map();
    this.view = new MapView(technique.title, technique.unit);
    this.layer = h("span", { class: "panel-layer" });
    this.problem = h("div");
    this.saving = savingRow(technique.title, {
      PNG: () => this.#savePng(), npy: () => this.#saveNpy(), JSON: () => this.#saveJson(), "Copy as curl": () => copy(this.curl()),
    });
    if (technique.job) this.#addJob();
    this.element = h("article", { class: "panel", id: `panel-${technique.name}`, "aria-labelledby": `title-${technique.name}` },
      h("header", { class: "panel-head" }, h("h3", { id: `title-${technique.name}` }, technique.title), this.layer),
      this.view.element, this.view.scaleBar.element,
      h("p", { class: "what" }, technique.what),
      options?.element ?? null, this.problem,
      h("footer", { class: "panel-foot" }, this.saving, help(technique, technique.title)));
    this.#state("empty");
  }

  #addJob() {
    this.job = new JobView(this.technique.title, "places");
    this.start = h("button", { type: "button", class: "button primary", on: { click: () => this.run() } }, "Run occlusion");
    this.view.cover.append(this.start, this.job.element);
  }

  /** `empty`, `loading`, `ready` or `failed`. */
  #state(name) {
    if (name === "empty" && this.job?.running) name = "loading";
    this.element.dataset.state = name;
    this.element.setAttribute("aria-busy", name === "loading");
    for (const button of this.saving.querySelectorAll("button")) button.disabled = name !== "ready";
    if (this.start) this.start.hidden = name === "ready" || this.job.running;
  }

  setPicture(picture) {
    this.found.clear();
    this.job?.leave();
    this.view.setPicture(picture);
    this.#state("empty");
  }

  #key(chosen, options = this.options?.values() ?? []) {
    return `${chosen.index} ${JSON.stringify(options)}`;
  }

  /** The classes that there is no map of yet. */
  missing() {
    return explained().filter((chosen) => !this.found.has(this.#key(chosen)));
  }

  loading() {
    showProblem(this.problem, null);
    this.#state("loading");
  }

  failed(error) {
    showProblem(this.problem, error, () => (this.technique.job ? this.run() : this.ask()));
    this.view.clear();
    this.#state("failed");
  }

  /** Takes what was found with `options`: an explanation out of an answer, whose maps lie over `seen`. */
  take(explanation, seen, options) {
    for (const json of explanation.maps) {
      const map = readMap(json.drop ?? json);
      this.found.set(this.#key(json.class, options), { map, seen, json, layer: explanation.layer });
    }
    this.refresh();
  }

  /** Shows the maps of the classes that are explained now, if they are there. */
  refresh() {
    showProblem(this.problem, null);
    if (!state.chosen || this.missing().length) {
      this.view.clear();
      this.#state("empty");
      return;
    }
    const shown = this.#shown();
    this.layer.textContent = shown[0].layer ?? "";
    this.view.show(shown.map(({ map, json }) => ({ map, label: json.class.label })), shown[0].seen);
    this.#state("ready");
  }

  #shown() {
    return explained().map((chosen) => this.found.get(this.#key(chosen)));
  }

  /** Finds the maps by a job. */
  async run() {
    const own = this.options.values();
    const classes = this.missing().map(({ index }) => ["class", index]);
    const url = modelAddress(state.model.name, "/explain", [["technique", this.technique.name], ...classes, ...own]);
    this.loading();
    const running = this.job.run(url, withPicture(state.picture));
    this.start.hidden = true;
    try {
      const answer = await running;
      if (answer) this.take(answer.explanations[0], answer.seen, own);
      else this.refresh();
    } catch (error) {
      if (!Problem.isAbort(error)) this.failed(error);
    }
  }

  /** A name for a file, without its ending. */
  #fileName() {
    const classes = explained().map(({ label }) => label).join("-vs-");
    return `${state.picture.name.replace(/\.\w+$/, "")}-${this.technique.name}-${classes}`.replace(/[^\w.-]+/g, "-");
  }

  async #savePng() {
    save(await pngFile(this.view.drawing()), `${this.#fileName()}.png`);
  }

  #saveNpy() {
    const maps = this.#shown().map(({ map }) => map);
    const values = maps.flatMap((map) => Array.from(map.values));
    save(npy(values, [maps.length, maps[0].rows, maps[0].columns]), `${this.#fileName()}.npy`);
  }

  #saveJson() {
    const shown = this.#shown();
    const { name: technique } = this.technique;
    const maps = shown.map(({ json }) => json);
    const body = { model: state.model.name, technique, layer: shown[0].layer, seen: shown[0].seen, maps };
    save(jsonFile(body), `${this.#fileName()}.json`);
  }

  /** The call that draws exactly what is shown; of two classes, both, drawn with one scale, side by side. */
  curl() {
    const { opacity, cutoff } = state.look;
    const drawn = [["colormap", this.view.colormap], ["alpha", opacity]];
    if (cutoff > 0) drawn.push(["cutoff", cutoff]);
    if (state.rival) drawn.push(["vmax", this.view.scale]);
    const classes = explained().map(({ label }) => ["class", label]);
    const own = (this.options?.values() ?? []).map(([name, value]) => [name.replace(/^.*\./, ""), value]);
    const url = modelAddress(state.model.name, `/explain/${this.technique.name}`, [...classes, ...own, ...drawn]);
    return curl(url, { picture: state.picture, accept: "image/png", output: `${this.#fileName()}.png` });
  }
}
