// A filter: its feature map large over the picture, its weights, and a picture made for it.

import { json, modelAddress, Problem } from "./api.js";
import { h } from "./dom.js";
import { help } from "./help.js";
import { hasMaps, kindOf } from "./layers.js";
import { MapView } from "./map-view.js";
import { readMap } from "./maps.js";
import { Maximization } from "./maximization.js";
import { number } from "./technique-options.js";
import { showProblem } from "./problem.js";
import { state } from "./state.js";
import { MAXIMIZATION } from "./techniques.js";
import { colorTile, kernelMap, tile } from "./tile.js";

/** The side of the picture made for a filter: small is fast, and enough for a texture. */
const SIDE = 96;

export class FilterView {
  constructor() {
    this.asking = new AbortController();
    this.view = new MapView("Feature map", "activation");
    this.title = h("h4", { id: "filter-title" });
    this.large = h("div", {}, this.view.element, this.view.scaleBar.element);
    this.weightsTitle = h("h5", {}, "Its weights");
    this.weights = h("div", { class: "kernels" });
    this.weightsNote = h("p", { class: "hint" });
    this.problem = h("div");
    this.unit = number("Unit", { min: 0, placeholder: 0 }, () => this.#name());
    this.draw = h("button", { type: "button", class: "button", on: { click: () => this.maximize() } });
    this.maximization = new Maximization("Activation maximization of a filter");
    this.element = h("aside", { class: "filter-view", "aria-labelledby": "filter-title" },
      this.title, this.large, this.weightsTitle, this.weightsNote, this.weights, this.problem,
      h("h5", {}, "What it looks for"), h("div", { class: "draw-row" }, this.unit.element, this.draw), this.maximization.element,
      help(MAXIMIZATION, "activation maximization"));
  }

  clear() {
    this.asking.abort();
    this.maximization.clear();
  }

  setPicture(picture) {
    this.view.setPicture(picture);
  }

  /** Turns to `layer`, of which no map is chosen yet. */
  open(layer) {
    this.layer = layer;
    this.channel = undefined;
    this.maximization.clear();
    this.weights.replaceChildren();
    this.large.hidden = !hasMaps(layer);
    this.element.hidden = kindOf(layer) === "input";
    this.unit.element.hidden = hasMaps(layer);
    this.unit.input.value = "";
    this.unit.input.max = (layer.units ?? 1) - 1;
    const hasWeights = kindOf(layer) === "convolution";
    this.weightsTitle.hidden = this.weightsNote.hidden = this.weights.hidden = !hasWeights;
    showProblem(this.problem, null);
    this.#name();
  }

  /** Shows a feature map, {channel, map, seen}, and the filter that made it. */
  show({ channel, map, seen }) {
    const isOther = this.channel !== channel;
    this.channel = channel;
    this.view.title = `Feature map ${channel} of ${this.layer.name}`;
    this.view.show([{ map, label: "this picture" }], seen);
    if (!isOther) return;
    this.maximization.clear();
    this.#name();
    this.#showWeights();
  }

  get #index() {
    return this.channel ?? Number(this.unit.input.value || 0);
  }

  #name() {
    const kind = { convolution: "Filter", dense: "Unit" }[kindOf(this.layer)] ?? "Channel";
    this.title.textContent = `${kind} ${this.#index}`;
    this.draw.textContent = `Draw what ${kind.toLowerCase()} ${this.#index} answers to`;
  }

  async #showWeights() {
    this.asking.abort();
    if (this.weights.hidden) return;
    this.asking = new AbortController();
    const { signal } = this.asking;
    const [, , , colors] = this.layer.input_shape[0] ?? [];
    const options = [["layer", this.layer.name], ["filter", this.channel], ...(colors === 3 ? [["color", true]] : [])];
    try {
      const { filters } = await json(modelAddress(state.model.name, "/filters", options), { signal });
      const draw = (filter) => filter.shape.length === 3
        ? colorTile(filter, `Weights of filter ${filter.filter} as a colour picture`)
        : tile(kernelMap(readMap(filter)), `Weights of filter ${filter.filter} for channel ${filter.channel}`);
      this.weights.replaceChildren(...filters.map(draw));
      this.weights.dataset.count = filters.length === 1 ? "one" : "many";
      this.weightsNote.textContent = this.#weightsNote(filters, colors);
    } catch (error) {
      if (!Problem.isAbort(error)) showProblem(this.problem, error);
    }
  }

  #weightsNote([{ shape }, ...others], channels) {
    const size = shape.slice(-2).join(" × ");
    if (shape.length === 3) return `${size} pixels, as the colours that they add and take`;
    const shown = others.length + 1;
    return `${size}, one kernel for each ${shown < channels ? `of the first ${shown} of ${channels} channels` : `of ${channels} channels`} before it; red adds, blue takes`;
  }

  /** Starts to draw what the filter answers to. */
  maximize() {
    const size = hasMaps(this.layer) ? [["size", SIDE]] : [];
    const options = [["layer", this.layer.name], ["filter", this.#index], ...size];
    this.maximization.run(options, `${this.layer.name}, ${this.title.textContent.toLowerCase()}`);
  }
}
