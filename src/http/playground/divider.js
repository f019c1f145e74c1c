// The divider between two classes' maps: one for all panels, moved by a drag in any picture, or by keys.

import { h } from "./dom.js";
import { change, state } from "./state.js";

const STEPS = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };

export class Divider {
  /** One of the picture in `frame`, of what `title` names. */
  constructor(title, frame) {
    this.frame = frame;
    this.element = h("div", {
      class: "divider", role: "slider", tabIndex: 0, hidden: true, "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-label": `Divider between the two classes of ${title}`, on: { keydown: (event) => this.#moveByKey(event) },
    });
    frame.append(this.element);
    frame.addEventListener("pointerdown", (event) => this.#grab(event));
    frame.addEventListener("pointermove", (event) => frame.hasPointerCapture(event.pointerId) && this.#moveTo(event));
  }

  /** Stands where the state says. */
  draw() {
    this.element.style.left = `${100 * state.divider}%`;
    this.element.setAttribute("aria-valuenow", Math.round(100 * state.divider));
  }

  #grab(event) {
    if (this.element.hidden || event.button !== 0) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    this.#moveTo(event);
  }

  #moveTo(event) {
    const box = this.frame.getBoundingClientRect();
    change({ divider: Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) });
  }

  #moveByKey(event) {
    if (!(event.key in STEPS)) return;
    event.preventDefault();
    change({ divider: Math.min(Math.max(state.divider + STEPS[event.key], 0), 1) });
  }
}
