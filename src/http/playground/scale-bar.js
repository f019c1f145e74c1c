// The colours of a map with the numbers that they stand for, and the number under the cursor.

import { amount, h } from "./dom.js";

export class ScaleBar {
  constructor(unit) {
    this.canvas = h("canvas", { width: 256, height: 1, class: "bar", "aria-hidden": "true" });
    this.mark = h("span", { class: "bar-mark", hidden: true, "aria-hidden": "true" });
    this.low = h("span", {}, "\u2007");
    this.middle = h("span", {}, unit);
    this.high = h("span", {}, "\u2007");
    this.unit = unit;
    this.element = h("div", { class: "scale" },
      h("div", { class: "bar-box" }, this.canvas, this.mark),
      h("div", { class: "bar-numbers" }, this.low, this.middle, this.high));
  }

  /** Shows `colors` from 0, or from minus `scale` if `symmetric`, to `scale`; `largest` is the largest magnitude of the map. */
  show(colors, { scale, symmetric, largest, cutoff }) {
    const context = this.canvas.getContext("2d");
    const pixels = context.createImageData(256, 1);
    colors.forEach((color, level) => {
      const share = symmetric ? Math.abs(level - 127.5) / 127.5 : level / 255;
      pixels.data.set([...color, share < cutoff ? 70 : 255], 4 * level);
    });
    context.putImageData(pixels, 0, 0);
    this.low.textContent = symmetric ? amount(-scale) : "0";
    const clipped = largest > scale * 1.0001;
    this.high.textContent = clipped ? `≥ ${amount(scale)}` : amount(scale);
    this.high.title = clipped ? `The largest is ${amount(largest)}; the last colour is for the highest 0.5 %` : "";
  }

  /** Shows the numbers under the cursor, or none. */
  point(values, { scale, symmetric } = {}) {
    this.middle.textContent = values ? values.map(amount).join(" · ") : this.unit;
    this.middle.classList.toggle("value", Boolean(values));
    const share = values ? Math.min(Math.max(values[0] / scale, symmetric ? -1 : 0), 1) : 0;
    this.mark.hidden = !values || !(scale > 0);
    this.mark.style.left = `${100 * (symmetric ? (share + 1) / 2 : share)}%`;
  }
}
