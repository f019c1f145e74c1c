// One technique: its map over the picture, what it says, and what to do with it.

import { modelAddress } from "./api.js";
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

/** What was found of a class. */
const entry = ({ layer }, json, seen) => ({ map: readMap(json.drop ?? json), seen, json, layer });

export class TechniquePanel {
  /** `options` are those of the technique, with `element` and `values()`; `ask` asks again for all that is missing. */
  constructor(technique, options, ask) {
    Object.assign(this, { technique, options, ask });
    /** What was found, by class and options: {map, seen, json, layer}; and what is found so far while a job runs. */
    this.found = new Map();
    this.growing = new Map();
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
    this.job = new JobView(this.technique.title);
    this.start = h("button", { type: "button", class: "button primary start", on: { click: () => this.again() } }, "Run occlusion");
    this.view.cover.append(this.start, this.job.element);
  }

  /** `empty`, `loading`, `growing`, `ready` or `failed`. */
  #state(name) {
    this.element.dataset.state = name;
    this.element.setAttribute("aria-busy", ["loading", "growing"].includes(name));
    for (const button of this.saving.querySelectorAll("button")) button.disabled = name !== "ready";
    if (this.start) this.start.hidden = !["empty", "failed"].includes(name);
  }

  setPicture(picture) {
    this.found.clear();
    this.forget();
    this.view.setPicture(picture);
    this.#state("empty");
  }

  /** Expects nothing any more, and waits for no one's word to be asked for again. */
  forget() {
    this.growing.clear();
    this.asked = null;
    this.paused = false;
  }

  /** Stops the job if one runs; another begins when the person says so. */
  pause() {
    this.paused = true;
    this.job?.leave();
    this.refresh();
  }

  /** Asks again. */
  again() {
    this.paused = false;
    this.ask();
  }

  #key(chosen, options = this.options?.values() ?? []) {
    return `${chosen.index} ${JSON.stringify(options)}`;
  }

  /** The classes that there is no map of yet. */
  missing() {
    return explained().filter((chosen) => !this.found.has(this.#key(chosen)));
  }

  /** What the panel lacks, as a text that tells it from what it lacks under other options. */
  #lacking() {
    return JSON.stringify([this.missing().map(({ index }) => index), this.options?.values()]);
  }

  /** Whether a request has to be made: maps are missing, nobody has been asked for them, and the person did not stop them. */
  get isLacking() {
    return !this.paused && this.missing().length > 0 && this.asked !== this.#lacking();
  }

  /** A request begins; gives what ends it. */
  begin() {
    const asked = this.#lacking();
    this.asked = asked;
    this.growing.clear();
    showProblem(this.problem, null);
    this.view.clear();
    this.#state("loading");
    return () => {
      if (this.asked !== asked) return;
      this.asked = null;
      if (this.element.dataset.state !== "failed") this.refresh();
    };
  }

  failed(error) {
    this.paused = Boolean(this.job);
    showProblem(this.problem, error, () => this.again());
    this.view.clear();
    this.#state("failed");
  }

  /** Takes what was found with `options`: an explanation out of an answer, whose maps lie over `seen`. */
  take(explanation, seen, options) {
    for (const json of explanation.maps) this.found.set(this.#key(json.class, options), entry(explanation, json, seen));
    this.refresh();
  }

  /** Takes what is found so far. */
  grow(explanation, seen) {
    for (const json of explanation.maps) this.growing.set(json.class.index, entry(explanation, json, seen));
    const shown = explained().map((chosen) => this.found.get(this.#key(chosen)) ?? this.growing.get(chosen.index));
    if (shown.some((one) => !one)) return;
    this.#show(shown);
    this.#state("growing");
  }

  /** Shows the maps of the classes that are explained now, if they are there. */
  refresh() {
    if (state.chosen && this.missing().length && this.asked === this.#lacking()) return;
    showProblem(this.problem, null);
    if (!state.chosen || this.missing().length) {
      this.view.clear();
      this.#state("empty");
      return;
    }
    this.#show(this.#shown());
    this.#state("ready");
  }

  #show(shown) {
    this.layer.textContent = shown[0].layer ?? "";
    this.view.show(shown.map(({ map, json }) => ({ map, label: json.class.label })), shown[0].seen);
  }

  #shown() {
    return explained().map((chosen) => this.found.get(this.#key(chosen)));
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

  /** The call that draws exactly what is shown: of two classes both, with one scale, and the divider where it stands. */
  curl() {
    const { opacity, cutoff } = state.look;
    const drawn = [["colormap", this.view.colormap], ["alpha", opacity]];
    if (cutoff > 0) drawn.push(["cutoff", cutoff]);
    if (state.rival) drawn.push(["vmax", this.view.scale], ["divider", Number(state.divider.toFixed(4))]);
    const classes = explained().map(({ label }) => ["class", label]);
    const own = (this.options?.values() ?? []).map(([name, value]) => [name.replace(/^.*\./, ""), value]);
    const url = modelAddress(state.model.name, `/explain/${this.technique.name}`, [...classes, ...own, ...drawn]);
    return curl(url, { picture: state.picture, accept: "image/png", output: `${this.#fileName()}.png` });
  }
}
