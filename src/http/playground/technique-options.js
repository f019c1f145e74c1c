// The options of techniques that have some worth showing: [name, value] pairs, and the elements to set them.

import { h } from "./dom.js";
import { VARIANTS } from "./techniques.js";

/** A labelled choice among `choices`, {value: words}. */
export function choice(label, choices, changed) {
  const select = h("select", { on: { change: changed } },
    Object.entries(choices).map(([value, text]) => h("option", { value }, text)));
  return { element: h("label", { class: "field" }, h("span", {}, label), select), select };
}

/** A labelled number; empty stands for the service's default, which `placeholder` tells. */
export function number(label, { min, max, placeholder, step }, changed) {
  const input = h("input", { type: "number", min, max, step: step ?? 1, placeholder, inputMode: "numeric", on: { change: changed } });
  return { element: h("label", { class: "field" }, h("span", {}, label), input), input };
}

/** Grad-CAM's: which variant, and of which layer. */
function gradCam(layers, changed) {
  const variant = choice("Variant", VARIANTS, changed);
  const names = Object.fromEntries(layers.map((name) => [name, name]));
  const layer = choice("Layer", { "": "default", ...names }, changed);
  return {
    element: h("div", { class: "options" }, variant.element, layer.element),
    values: () => [
      ["variant", variant.select.value],
      ...(layer.select.value ? [["grad-cam.layer", layer.select.value]] : []),
    ],
  };
}

/** Occlusion's: the square and its steps, in pixels of the model's input. */
function occlusion({ width, height }, changed) {
  const side = Math.min(width, height);
  const share = (of224) => Math.max(Math.floor((side * of224) / 224), 1);
  const patch = number("Square, px", { min: 1, max: side, placeholder: share(70) }, changed);
  const stride = number("Step, px", { min: 1, max: side, placeholder: share(14) }, changed);
  const given = (name, { input }) => (input.value ? [[name, input.value]] : []);
  return {
    element: h("div", { class: "options" }, patch.element, stride.element),
    values: () => [...given("patch", patch), ...given("stride", stride)],
  };
}

/** The options of the technique called `name` of `model`; none for most. */
export function optionsOf(name, model, layers, changed) {
  if (name === "grad-cam") return gradCam(layers, changed);
  if (name === "occlusion") return occlusion(model.input, changed);
  return undefined;
}
