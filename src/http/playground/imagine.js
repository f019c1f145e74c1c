// What a class looks like to the network: activation maximization, and the pictures made so far.

import { announce, byId, h, words } from "./dom.js";
import { help } from "./help.js";
import { Maximization } from "./maximization.js";
import { on, state } from "./state.js";
import { MAXIMIZATION } from "./techniques.js";

let maximization;

function named() {
  const text = byId("imagine-class").value.trim().toLowerCase();
  return state.model.classes.find((label) => words(label).toLowerCase() === text || label.toLowerCase() === text);
}

async function start(event) {
  event.preventDefault();
  const field = byId("imagine-class");
  const label = named();
  field.setCustomValidity(label ? "" : "This model has no such class: pick one of the list");
  if (!field.reportValidity()) return;
  const given = (id, name) => (byId(id).value ? [[name, byId(id).value]] : []);
  const options = [["class", label], ["recipe", byId("imagine-recipe").value],
    ...given("imagine-steps", "iterations"), ...given("imagine-seed", "seed")];
  const { model } = state;
  await maximization.run(options, words(label), (source) => model === state.model && keep(label, source));
}

/** Adds a finished picture to those made so far. */
function keep(label, source) {
  const figure = h("figure", {},
    h("img", { src: source, alt: `What the model sees as ${words(label)}` }), h("figcaption", {}, words(label)));
  byId("made").prepend(figure);
  byId("made-box").hidden = false;
  announce(`${words(label)}: added to the pictures made so far`);
}

/** Lets the tab follow the state. */
export function startImagine() {
  maximization = new Maximization("Activation maximization of a class");
  byId("imagine-place").replaceChildren(maximization.element);
  byId("imagine-help").replaceChildren(h("p", { class: "what" }, MAXIMIZATION.what), help(MAXIMIZATION, "activation maximization"));
  byId("imagine-form").addEventListener("submit", start);
  byId("imagine-class").addEventListener("input", (event) => event.target.setCustomValidity(""));
  on("model", () => {
    maximization.clear();
    byId("made").replaceChildren();
    byId("made-box").hidden = true;
    byId("imagine-class").value = "";
  });
  on("chosen", () => {
    if (state.chosen && !maximization.job.running) byId("imagine-class").value = words(state.chosen.label);
  });
}
