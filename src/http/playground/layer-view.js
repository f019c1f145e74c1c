// A layer that is open: its feature maps for the picture, one of them large, and what its filter looks for.

import { json, modelAddress, Problem, withPicture } from "./api.js";
import { h } from "./dom.js";
import { FilterView } from "./filter-view.js";
import { help } from "./help.js";
import { hasMaps, settings } from "./layers.js";
import { readMap } from "./maps.js";
import { showProblem } from "./problem.js";
import { state } from "./state.js";
import { FEATURE_MAPS } from "./techniques.js";
import { choice } from "./technique-options.js";
import { tile } from "./tile.js";

/** How many feature maps are shown at first, and how many come at a time then. */
const FEW = 24;
const MORE = 64;

export class LayerView {
  constructor() {
    this.asking = new AbortController();
    this.order = choice("Order", { strongest: "Strongest first", first: "By number" }, () => this.#refresh());
    this.title = h("h3", { id: "layer-title" });
    this.settings = h("p", { class: "layer-settings" });
    this.count = h("p", { class: "count", role: "status" });
    this.grid = h("div", { class: "tiles", role: "group", "aria-label": "Feature maps" });
    this.more = h("button", { type: "button", class: "button small", hidden: true, on: { click: () => this.#showMore() } }, "Show more");
    this.problem = h("div");
    this.filter = new FilterView();
    this.maps = h("div", { class: "maps" },
      h("div", { class: "maps-head" }, this.count, this.order.element),
      h("p", { class: "what" }, FEATURE_MAPS.what), this.grid, this.more, this.problem, help(FEATURE_MAPS, "feature maps"));
    this.element = h("section", { class: "layer-view", "aria-labelledby": "layer-title" },
      h("header", {}, this.title, this.settings), h("div", { class: "layer-body" }, this.maps, this.filter.element));
  }

  clear() {
    this.asking.abort();
    this.layer = null;
    this.hasPicture = false;
    this.filter.clear();
  }

  setPicture(picture) {
    this.hasPicture = true;
    this.filter.setPicture(picture);
    this.#refresh();
  }

  /** Opens `layer`. */
  open(layer) {
    if (this.layer === layer) return;
    this.layer = layer;
    this.title.textContent = layer.name;
    this.settings.textContent = `${layer.type} · ${settings(layer)}`;
    this.maps.hidden = !hasMaps(layer);
    this.filter.open(layer);
    this.#refresh();
  }

  /** Asks for the feature maps that are shown at first. */
  #refresh() {
    this.found = [];
    return this.#ask([["channels", this.order.select.value], ["maps", FEW]]);
  }

  /** Asks for more of those that are not there yet, by number. */
  #showMore() {
    const known = new Set(this.found.map(({ channel }) => channel));
    const rest = Array.from({ length: this.channels }, (_, channel) => channel).filter((channel) => !known.has(channel));
    return this.#ask([["channels", rest.slice(0, MORE).join(",")]]);
  }

  async #ask(which) {
    this.asking.abort();
    this.asking = new AbortController();
    const { layer } = this;
    if (!layer || !hasMaps(layer) || !this.hasPicture || state.tab !== "network") return;
    showProblem(this.problem, null);
    this.element.setAttribute("aria-busy", "true");
    try {
      const url = modelAddress(state.model.name, "/explain/layer-outputs", [["layer", layer.name], ...which]);
      const answer = await json(url, withPicture(state.picture, this.asking.signal));
      this.#show(answer.layers[0], answer.seen);
      this.element.setAttribute("aria-busy", "false");
    } catch (error) {
      if (Problem.isAbort(error)) return;
      this.element.setAttribute("aria-busy", "false");
      this.grid.replaceChildren();
      showProblem(this.problem, error, () => this.#refresh());
    }
  }

  #show({ channels, maps }, seen) {
    const news = maps.map((json) => ({ channel: json.channel, map: readMap(json), seen }));
    if (!this.found.length) this.grid.replaceChildren();
    this.found.push(...news);
    this.channels = channels;
    const { length } = this.found;
    this.count.textContent = channels > length ? `${length} of ${channels} feature maps` : `${channels} feature maps`;
    this.more.hidden = length >= channels;
    this.grid.append(...news.map((one) => this.#tile(one)));
    this.#enlarge(this.found.find(({ channel }) => channel === this.filter.channel) ?? this.found[0]);
  }

  #tile(one) {
    return h("button", {
      type: "button", class: "tile-button", "aria-pressed": "false", "data-channel": one.channel,
      "aria-label": `Feature map ${one.channel}`, on: { click: () => this.#enlarge(one) },
    }, tile(one.map, `Feature map ${one.channel}`), h("span", {}, one.channel));
  }

  #enlarge(one) {
    for (const button of this.grid.children) {
      button.setAttribute("aria-pressed", Number(button.dataset.channel) === one.channel);
    }
    this.filter.show(one);
  }
}
