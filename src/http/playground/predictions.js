// What the model says of the picture: the classes as bars, to be explained or compared.

import { json, modelAddress, Problem, withPicture } from "./api.js";
import { announce, byId, h, percent, words } from "./dom.js";
import { showProblem } from "./problem.js";
import { change, on, state } from "./state.js";

/** How many of the likeliest classes are shown. */
const SHOWN = 5;
let asking = new AbortController();

async function predict() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  if (!state.picture || !state.model) return;
  showProblem(byId("predictions-problem"), null);
  byId("bars").setAttribute("aria-busy", "true");
  try {
    const url = modelAddress(state.model.name, "/predict", [["top", state.model.classes.length]]);
    const { predictions } = await json(url, withPicture(state.picture, signal));
    change({ predictions, chosen: predictions[0], rival: null });
    announce(`${words(predictions[0].label)}, ${percent(predictions[0].probability)}`);
  } catch (error) {
    if (Problem.isAbort(error) || signal.aborted) return;
    byId("bars").replaceChildren();
    showProblem(byId("predictions-problem"), error, predict);
  } finally {
    if (!signal.aborted) byId("bars").setAttribute("aria-busy", "false");
  }
}

/** The class with `index`, as predicted. */
const predicted = (index) => state.predictions.find((prediction) => prediction.index === index);

function explain(prediction) {
  const rival = state.rival?.index === prediction.index ? null : state.rival;
  change({ chosen: prediction, rival });
}

function compare(prediction) {
  const off = !prediction || state.rival?.index === prediction.index || state.chosen.index === prediction.index;
  change({ rival: off ? null : prediction });
}

/** A class's bar: the button to explain it, and the one to compare with it. */
function bar(prediction) {
  const { index, label, probability } = prediction;
  const [isChosen, isRival] = [state.chosen?.index === index, state.rival?.index === index];
  const fill = h("span", { class: "bar-fill", "aria-hidden": "true" });
  fill.style.width = `${Math.max(100 * probability, 0.5)}%`;
  return h("li", { class: isChosen ? "chosen" : isRival ? "rival" : "" },
    h("button", {
      type: "button", class: "bar-button", "aria-pressed": isChosen, "data-class": label, on: { click: () => explain(prediction) },
    }, h("span", { class: "bar-label" }, words(label)), h("span", { class: "bar-value" }, percent(probability)),
    h("span", { class: "bar-track" }, fill)),
    h("button", {
      type: "button", class: "versus", "aria-pressed": isRival, disabled: isChosen,
      "aria-label": `vs ${words(label)}: compare`, title: `Compare with ${words(label)}`, on: { click: () => compare(prediction) },
    }, "vs"));
}

function show() {
  if (!state.predictions) return;
  const top = state.predictions.slice(0, SHOWN);
  const more = [state.chosen, state.rival].filter((chosen) => chosen && !top.some(({ index }) => index === chosen.index));
  const focused = document.activeElement?.closest?.("#bars button");
  const key = focused && [focused.className, focused.closest("li").querySelector(".bar-button").dataset.class];
  byId("bars").replaceChildren(...[...top, ...more.map(({ index }) => predicted(index))].map(bar));
  if (!key) return;
  // The buttons are new; whoever used one with the keyboard goes on from its successor.
  const again = byId("bars").querySelector(`.bar-button[data-class="${CSS.escape(key[1])}"]`);
  (key[0] === "versus" ? again?.nextElementSibling : again)?.focus();
}

/** The field to name any class. */
function offerClasses() {
  const options = state.model.classes.map((label) => h("option", { value: words(label) }));
  byId("classes").replaceChildren(...options);
}

function chooseNamed(event) {
  const text = event.target.value.trim().toLowerCase();
  const found = state.predictions?.find(({ label }) => words(label).toLowerCase() === text);
  if (!found) return;
  event.target.value = "";
  explain(found);
}

/** Lets the bars follow the state. */
export function startPredictions() {
  on("picture model", predict);
  on("model", offerClasses);
  on("predictions chosen rival", show);
  byId("any-class").addEventListener("change", chooseNamed);
}
