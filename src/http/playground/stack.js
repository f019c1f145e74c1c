// The network as a stack of layers in space: drag to turn it, click a layer to open it.

import { beforeFrame, h } from "./dom.js";
import { kindOf, shapeText, sizeOf } from "./layers.js";
import { drawTile } from "./tile.js";

/** How far it can be turned, in degrees: the faces that are drawn stay in front. */
const LIMITS = { across: [-78, -20], down: [-38, -4] };
/** More layers than these are too many to tell apart: normalisations and the like are left out. */
const MOST = 60;
const START = { across: -44, down: -15 };

export class Stack {
  /** `open` is called with the layer that was chosen. */
  constructor(open) {
    this.open = open;
    this.turned = { ...START };
    this.world = h("div", { class: "world" });
    this.caption = h("p", { class: "stack-caption", "aria-hidden": "true" }, "\u00a0");
    this.element = h("div", { class: "stack", role: "group", "aria-label": "The layers, from the picture to the classes" }, this.world);
    this.turn = beforeFrame(() => this.#turn());
    this.#listen();
    new ResizeObserver(() => this.#fit()).observe(this.element);
  }

  /** Shows `layers`, or of many the main ones alone; whether all are shown. */
  build(all) {
    const layers = all.length > MOST ? all.filter((layer) => kindOf(layer) !== "other") : all;
    this.layers = layers;
    this.buttons = new Map(layers.map((layer) => [layer.name, this.#button(layer)]));
    this.world.replaceChildren(...this.buttons.values());
    this.#place();
    this.#turn();
    this.#fit();
    return layers === all;
  }

  /** Marks the layer called `name` as the one that is open. */
  mark(name) {
    const marked = this.layers.find((layer) => layer.name === name);
    const [first] = this.layers;
    if (marked) this.#say(marked);
    for (const [own, button] of this.buttons) {
      button.setAttribute("aria-pressed", own === name);
      button.tabIndex = own === (marked ?? first).name ? 0 : -1;
    }
  }

  /** Puts feature maps, by layer, on the fronts. */
  texture(maps) {
    for (const [name, map] of maps) {
      const button = this.buttons.get(name);
      if (button) drawTile(button.querySelector("canvas"), map);
    }
  }

  /** Puts the picture on the front of the input. */
  picture(url) {
    const input = this.layers?.find((layer) => kindOf(layer) === "input");
    if (input) this.buttons.get(input.name).querySelector(".front").replaceChildren(h("img", { src: url, alt: "" }));
  }

  #button(layer) {
    const front = h("span", { class: "face front" }, h("canvas", { width: 1, height: 1, "aria-hidden": "true" }));
    const says = () => this.#say(layer);
    return h("button", {
      type: "button", class: `layer ${kindOf(layer)}`, tabIndex: -1, "aria-pressed": "false", "data-layer": layer.name,
      "aria-label": `${layer.name}: ${layer.type}, ${shapeText(layer)}`,
      on: { click: () => !this.wasTurned && this.open(layer), pointerenter: says, focus: says },
    }, front, h("span", { class: "face side" }), h("span", { class: "face lid" }));
  }

  /** Tells below the stack which layer is pointed at. */
  #say(layer) {
    this.caption.textContent = `${layer.name} · ${layer.type} · ${shapeText(layer)}`;
  }

  /** Gives each layer its size and its place: sides by a root of feature maps' sides, depth by the logarithm of their number. */
  #place() {
    const largest = Math.max(...this.layers.map((layer) => sizeOf(layer)[0] || 1));
    // Many layers are drawn thinner and closer.
    const crowd = Math.min(1, 30 / this.layers.length);
    const boxes = this.layers.map((layer) => {
      const [height, , channels] = sizeOf(layer);
      const isRod = layer.output_shape.length < 4;
      const depth = kindOf(layer) === "input" ? 3 : isRod ? 8 * crowd : 2 + 2.4 * crowd * Math.log2(channels || 1);
      const side = isRod ? 9 : 190 * ((height || 1) / largest) ** 0.42;
      const tall = isRod ? 24 + 9 * Math.log2(channels || 1) : side;
      return { depth, side, tall };
    });
    const gap = 30 * crowd;
    this.length = boxes.reduce((sum, { depth }) => sum + depth + gap, 0);
    let z = this.length / 2;
    boxes.forEach(({ depth, side, tall }, index) => {
      const { style } = this.buttons.get(this.layers[index].name);
      style.setProperty("--side", `${side}px`);
      style.setProperty("--tall", `${tall}px`);
      style.setProperty("--depth", `${depth}px`);
      style.transform = `translate3d(${-side / 2}px, ${-tall / 2}px, ${z - depth / 2}px)`;
      z -= depth + gap;
    });
  }

  /** Makes the stack, as it is turned, as large as its place, and puts it in the middle. */
  #fit() {
    const place = this.element.getBoundingClientRect();
    if (!this.length || !place.width) return;
    this.fitted = { zoom: 1, left: 0, up: 0 };
    // What is near grows faster than what is far: a few rounds settle it.
    for (let round = 0; round < 4; round++) this.#fitOnce(place);
  }

  #fitOnce(place) {
    const { style } = this.world;
    style.setProperty("--zoom", this.fitted.zoom);
    style.setProperty("--left", `${this.fitted.left}px`);
    style.setProperty("--up", `${this.fitted.up}px`);
    const boxes = [...this.world.querySelectorAll(".face")].map((face) => face.getBoundingClientRect());
    const [left, right] = [Math.min(...boxes.map((box) => box.left)), Math.max(...boxes.map((box) => box.right))];
    const [top, bottom] = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
    this.fitted.zoom *= Math.min((place.width - 56) / (right - left), (place.height - 44) / (bottom - top));
    this.fitted.left += place.left + place.width / 2 - (left + right) / 2;
    this.fitted.up += place.top + place.height / 2 - (top + bottom) / 2;
  }

  #turn() {
    this.world.style.setProperty("--across", `${this.turned.across}deg`);
    this.world.style.setProperty("--down", `${this.turned.down}deg`);
  }

  #turnBy(across, down) {
    const within = (value, [least, most]) => Math.min(Math.max(value, least), most);
    this.turned.across = within(this.turned.across + across, LIMITS.across);
    this.turned.down = within(this.turned.down + down, LIMITS.down);
    this.turn();
  }

  #listen() {
    let from = null;
    this.element.addEventListener("pointerdown", (event) => {
      from = event;
      this.wasTurned = false;
    });
    this.element.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) return;
      if (!this.wasTurned && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < 5) return;
      this.wasTurned = true;
      this.#turnBy(event.movementX * 0.3, -event.movementY * 0.2);
    });
    this.element.addEventListener("pointerup", () => { from = null; });
    this.element.addEventListener("keydown", (event) => this.#byKey(event));
  }

  /** Arrows go from layer to layer; with shift they turn the stack. */
  #byKey(event) {
    const sideways = { ArrowLeft: -1, ArrowRight: 1 }[event.key] ?? 0;
    const upwards = { ArrowUp: 1, ArrowDown: -1 }[event.key] ?? 0;
    if (event.shiftKey && (sideways || upwards)) {
      event.preventDefault();
      this.#turnBy(4 * sideways, -4 * upwards);
      return;
    }
    const all = [...this.buttons.values()];
    const at = all.indexOf(document.activeElement);
    const next = { Home: 0, End: all.length - 1 }[event.key] ?? (sideways ? at + sideways : -1);
    if (at < 0 || !all[next]) return;
    event.preventDefault();
    all[next].focus();
  }
}
