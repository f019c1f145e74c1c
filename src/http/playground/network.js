// The network: its layers in space, its summary, and the layer that is open.

import { json, modelAddress, Problem, withPicture } from "./api.js";
import { byId } from "./dom.js";
import { LayerView } from "./layer-view.js";
import { hasMaps, kindOf, sizeOf } from "./layers.js";
import { readMap } from "./maps.js";
import { showProblem } from "./problem.js";
import { Stack } from "./stack.js";
import { on, state } from "./state.js";
import { SummaryTable } from "./summary-table.js";

/** The most layers that get a feature map on their front. */
const MOST_TEXTURES = 64;

let stack;
let table;
let view;
let layers = [];
let opened;
let asking = new AbortController();
/** Whether the tab has yet to show the picture of the state. */
let stale = true;

function open(layer) {
  opened = layer;
  stack.mark(layer.name);
  table.mark(layer.name);
  view.open(layer);
}

async function build() {
  stale = true;
  layers = state.model.layerList;
  byId("stack-note").hidden = stack.build(layers);
  table.build(layers);
  view.clear();
  open(layers.findLast((layer) => kindOf(layer) === "convolution" && hasMaps(layer) && sizeOf(layer)[0] > 1) ?? layers[0]);
}

/** Asks for the strongest feature map of each layer, for the fronts of the stack. */
async function refresh() {
  if (state.tab !== "network" || !state.picture || !layers.length || !stale) return;
  stale = false;
  stack.picture(state.picture.url);
  view.setPicture(state.picture);
  asking.abort();
  asking = new AbortController();
  showProblem(byId("stack-problem"), null);
  const drawn = stack.layers.filter(hasMaps);
  const every = Math.ceil(drawn.length / MOST_TEXTURES);
  const names = drawn.filter((_, index) => index % every === 0).map(({ name }) => ["layer", name]);
  if (!names.length) return;
  try {
    const url = modelAddress(state.model.name, "/explain/layer-outputs", [...names, ["channels", "strongest"], ["maps", 1]]);
    const answer = await json(url, withPicture(state.picture, asking.signal));
    stack.texture(answer.layers.map(({ layer, maps }) => [layer, readMap(maps[0])]));
  } catch (error) {
    if (!Problem.isAbort(error)) showProblem(byId("stack-problem"), error);
  }
}

/** Builds the tab, and lets it follow the state. */
export function startNetwork() {
  stack = new Stack(open);
  table = new SummaryTable(open);
  view = new LayerView();
  byId("stack-place").replaceChildren(stack.element, stack.caption);
  byId("summary-place").replaceChildren(table.element);
  byId("layer-place").replaceChildren(view.element);
  on("model", build);
  on("picture", () => { stale = true; });
  on("picture model tab", refresh);
  // What is not shown has no place to be scrolled to.
  on("tab", () => state.tab === "network" && opened && table.mark(opened.name));
}
