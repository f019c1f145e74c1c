// The panels of techniques, side by side, from one request: in line, or as a job if one of them takes long.

import { json, modelAddress, Problem, withPicture } from "./api.js";
import { byId, h } from "./dom.js";
import { explained, on, state } from "./state.js";
import { optionsOf } from "./technique-options.js";
import { TechniquePanel } from "./technique-panel.js";
import { TECHNIQUES } from "./techniques.js";

/** How long a job may wait for a worker until what takes no time is asked for in line, in milliseconds. */
const PATIENCE = 2000;

const shown = new Set(TECHNIQUES.filter((technique) => technique.shown).map(({ name }) => name));
let panels = [];
let asking = new AbortController();
/** The classes that were asked for last. */
let asked = "";

/** Builds the panels for the model in use, and the switches for them. */
function build() {
  abandon();
  const served = new Set(state.model.techniques.map(({ name }) => name));
  const techniques = TECHNIQUES.filter(({ name }) => served.has(name));
  const panelOf = (technique) => {
    // What takes long waits for the last of its options to be set.
    const changed = () => (technique.job ? panel.pause() : ask());
    const options = optionsOf(technique.name, state.model, state.model.featureLayers, changed);
    const panel = new TechniquePanel(technique, options, ask);
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
    if (panel.job?.running) panel.pause();
    panel.paused = false;
    ask();
  } } });
  return h("label", { class: "chip" }, box, h("span", {}, title));
}

/** Waits for no answer any more. */
function abandon() {
  asking.abort();
  asking = new AbortController();
  asked = "";
  for (const panel of panels) panel.forget();
}

function setPicture() {
  abandon();
  for (const panel of panels) panel.setPicture(state.picture);
}

/** Asks for all maps that are to be seen and are missing, in one request. */
function ask() {
  const classes = explained().map(({ index }) => index).join();
  if (classes !== asked) abandon();
  asked = classes;
  if (!state.picture || !state.chosen) return;
  for (const panel of panels) panel.refresh();
  const lacking = panels.filter((panel) => shown.has(panel.technique.name) && panel.isLacking);
  if (lacking.length) request(lacking, asking.signal);
}

async function request(lacking, signal) {
  const ends = lacking.map((panel) => panel.begin());
  const long = lacking.find(({ job }) => job);
  await (long ? askAsJob(lacking, long, signal) : askInLine(lacking, signal));
  for (const end of ends) end();
}

/** The call for what `lacking` panels lack, and how each takes it: under the options that it was asked for with. */
function callFor(lacking) {
  const classes = explained().filter((chosen) => lacking.some((panel) => panel.missing().includes(chosen)));
  // What takes long is last, so that nothing waits for it.
  const inOrder = [...lacking].sort((a, b) => Boolean(a.job) - Boolean(b.job));
  const options = new Map(inOrder.map((panel) => [panel.technique.name, panel.options?.values() ?? []]));
  const url = modelAddress(state.model.name, "/explain", [
    ...inOrder.map(({ technique }) => ["technique", technique.name]),
    ...classes.map(({ index }) => ["class", index]),
    ...inOrder.flatMap(({ technique }) => options.get(technique.name)),
  ]);
  const panelOf = ({ technique }) => lacking.find((panel) => panel.technique.name === technique);
  const take = (explanation, seen) => panelOf(explanation).take(explanation, seen, options.get(explanation.technique));
  return { url, panelOf, take };
}

/** Asks for the maps of `lacking` panels. If they cannot be had together, each is asked for alone, and fails alone. */
async function askInLine(lacking, signal) {
  if (!lacking.length) return;
  const { url, take } = callFor(lacking);
  try {
    const answer = await json(url, withPicture(state.picture, signal));
    if (signal.aborted) return;
    for (const explanation of answer.explanations) take(explanation, answer.seen);
  } catch (error) {
    if (Problem.isAbort(error) || signal.aborted) return;
    if (lacking.length > 1 && [422, 501].includes(error.status)) {
      await Promise.all(lacking.map((panel) => askInLine([panel], signal)));
    } else {
      for (const panel of lacking) panel.failed(error);
    }
  }
}

/** Asks for the maps of `lacking` panels by a job, which shows each as it is found, and that of the `long` one as it grows. */
async function askAsJob(lacking, long, signal) {
  const { url, panelOf, take } = callFor(lacking);
  const others = () => lacking.filter((panel) => panel !== long && panel.missing().length);
  const leave = () => long.job.leave();
  signal.addEventListener("abort", leave);
  let begun = false;
  const impatience = setTimeout(() => begun || askInLine(others(), signal), PATIENCE);
  const tell = {
    progress: ({ status }) => { begun ||= status !== "queued"; },
    explanation: ({ seen, finished, explanation }) => {
      if (signal.aborted) return;
      if (finished) take(explanation, seen);
      else panelOf(explanation).grow(explanation, seen);
    },
  };
  try {
    const isDone = await long.job.run(url, withPicture(state.picture), tell);
    if (isDone && lacking.some((panel) => panel.missing().length)) {
      const { explanations, seen } = await long.job.result(signal);
      for (const explanation of explanations) take(explanation, seen);
    }
    if (!isDone) long.paused = true;
  } catch (error) {
    if (signal.aborted) return;
    if (Problem.isAbort(error)) long.paused = true;
    else if (others().length && ([422, 501].includes(error.status) || error.job)) await askAsJob([long], long, signal);
    else long.failed(error);
  } finally {
    clearTimeout(impatience);
    signal.removeEventListener("abort", leave);
  }
  if (!signal.aborted) await askInLine(others(), signal);
}

/** Lets the panels follow the state. */
export function startExplanations() {
  on("model", build);
  on("picture model", () => state.picture && setPicture());
  on("chosen rival", ask);
}
