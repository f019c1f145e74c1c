// The model's summary, as Keras prints it.

import { h, whole } from "./dom.js";
import { kindOf, shapeText } from "./layers.js";

export class SummaryTable {
  /** `open` is called with the layer that was chosen. */
  constructor(open) {
    this.open = open;
    this.body = h("tbody");
    this.total = h("td", { colSpan: 2, class: "number" });
    this.element = h("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": "Summary of the layers" },
      h("table", {},
        h("caption", { class: "hidden" }, "The layers in the order of computation"),
        h("thead", {}, h("tr", {},
          h("th", { scope: "col" }, "Layer"), h("th", { scope: "col" }, "Output"),
          h("th", { scope: "col", class: "number" }, "Parameters"))),
        this.body,
        h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "In all"), this.total))));
  }

  build(layers) {
    this.rows = new Map(layers.map((layer) => [layer.name, this.#row(layer)]));
    this.body.replaceChildren(...this.rows.values());
    this.total.textContent = `${whole(layers.reduce((sum, { parameters }) => sum + parameters, 0))}`;
  }

  #row(layer) {
    const button = h("button", { type: "button", class: "row-button", on: { click: () => this.open(layer) } }, layer.name);
    return h("tr", {},
      h("th", { scope: "row" }, h("div", { class: "row" },
        h("span", { class: `dot ${kindOf(layer)}`, "aria-hidden": "true" }), button, h("span", { class: "layer-type" }, layer.type))),
      h("td", {}, shapeText(layer)),
      h("td", { class: "number" }, layer.parameters ? whole(layer.parameters) : "–"));
  }

  /** Marks the layer called `name`, and brings its row into sight within the table. */
  mark(name) {
    for (const [own, row] of this.rows) row.setAttribute("aria-current", own === name);
    const row = this.rows.get(name);
    const box = this.element;
    const below = row.offsetTop + row.offsetHeight > box.scrollTop + box.clientHeight;
    if (below || row.offsetTop < box.scrollTop + 40) box.scrollTop = row.offsetTop - box.clientHeight / 2;
  }
}
