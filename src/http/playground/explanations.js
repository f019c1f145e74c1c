// The panels of techniques, side by side, from one request.

import { json, modelAddress, Problem, withPicture } from "./api.js";
import { byId, h } from "./dom.js";
import { explained, on, state } from "./state.js";
import { optionsOf } from "./technique-options.js";
import { TechniquePanel } from "./technique-panel.js";
import { TECHNIQUES } from "./techniques.js";

const shown = new Set(TECHNIQUES.filter((technique) => technique.shown).map(({ name }) => name));
let panels = [];
let asking = new AbortController();

/** Builds the panels for the model in use, and the switches for them. */
function build() {
  asking.abort();
  for (const { job } of panels) job?.leave();
  const served = new Set(state.model.techniques.map(({ name }) => name));
  const techniques = TECHNIQUES.filter(({ name }) => served.has(name));
  const changed = () => ask();
  const panelOf = (technique) => {
    const options = optionsOf(technique.name, state.model, state.model.featureLayers, () => {
      panel.refresh();
      if (!technique.job) changed();
    });
    const panel = new TechniquePanel(technique, options, changed);
    panel.element.hidden = !shown.has(technique.name);
    return panel;
  };
  panels = techniques.map(panelOf);
  byId("panels").replaceChildren(...panels.map(({ element }) => element));
  byId("techniques").replaceChildren(...panels.map(switchOf));
}

/** The switch that shows a panel, or not. */
function switchOf(panel) {
  const { name, title } = panel.technique;
  const box = h("input", { type: "checkbox", checked: shown.has(name), on: { change: () => {
    if (box.checked) shown.add(name);
    else shown.delete(name);
    panel.element.hidden = !box.checked;
    ask();
  } } });
  return h("label", { class: "chip" }, box, h("span", {}, title));
}

function setPicture() {
  asking.abort();
  for (const panel of panels) panel.setPicture(state.picture);
}

/** Asks for all maps that are to be seen and are missing, in one request. */
async function ask() {
  asking.abort();
  asking = new AbortController();
  if (!state.picture || !state.chosen) return;
  for (const panel of panels) panel.refresh();
  const lacking = panels.filter((panel) => !panel.technique.job && shown.has(panel.technique.name) && panel.missing().length);
  if (!lacking.length) return;
  for (const panel of lacking) panel.loading();
  await request(lacking, asking.signal);
}

/** Asks for the maps of `lacking` panels. If they cannot be had together, each is asked for alone, and fails alone. */
async function request(lacking, signal) {
  const classes = explained().filter((chosen) => lacking.some((panel) => panel.missing().includes(chosen)));
  const options = [
    ...lacking.map(({ technique }) => ["technique", technique.name]),
    ...classes.map(({ index }) => ["class", index]),
    ...lacking.flatMap((panel) => panel.options?.values() ?? []),
  ];
  try {
    const answer = await json(modelAddress(state.model.name, "/explain", options), withPicture(state.picture, signal));
    for (const explanation of answer.explanations) {
      lacking.find(({ technique }) => technique.name === explanation.technique).take(explanation, answer.seen);
    }
  } catch (error) {
    if (Problem.isAbort(error) || signal.aborted) return;
    if (lacking.length > 1 && [422, 501].includes(error.status)) {
      await Promise.all(lacking.map((panel) => request([panel], signal)));
    } else {
      for (const panel of lacking) panel.failed(error);
    }
  }
}

/** Lets the panels follow the state. */
export function startExplanations() {
  on("model", build);
  on("picture model", () => state.picture && setPicture());
  on("chosen rival", ask);
}
