// A picture with maps over it: one, or two classes' with a divider to drag.

import { Divider } from "./divider.js";
import { amount, beforeFrame, h, words } from "./dom.js";
import { enlarge, levels, paint, palette, strongest, strongestPlace } from "./maps.js";
import { Reader } from "./reader.js";
import { ScaleBar } from "./scale-bar.js";
import { on, state } from "./state.js";

/** The longest side that a map is drawn with, in pixels: enough for a panel, little enough for a slider. */
const LONGEST = 448;

/** The colour maps by name; filled when the page starts. */
export const colormaps = new Map();

export class MapView {
  constructor(title, unit) {
    this.title = title;
    this.photo = h("img", { alt: "", draggable: false });
    this.canvas = h("canvas", { role: "img", "aria-label": `${title}: not there yet` });
    this.tags = [h("span", { class: "tag tag-a", hidden: true }), h("span", { class: "tag tag-b", hidden: true })];
    this.cover = h("div", { class: "cover" });
    this.reader = new Reader(title, (place) => this.#read(place));
    this.frame = h("div", { class: "frame" }, this.photo, this.canvas, ...this.tags, this.reader.element);
    this.divider = new Divider(title, this.frame);
    this.element = h("div", { class: "stage" }, this.frame, this.cover);
    this.scaleBar = new ScaleBar(unit);
    this.redraw = beforeFrame(() => this.draw());
    on("look divider", () => this.#changed());
    new IntersectionObserver(([{ isIntersecting }]) => this.#seen(isIntersecting)).observe(this.element);
    this.frame.addEventListener("pointermove", ({ clientX, clientY }) => {
      const box = this.frame.getBoundingClientRect();
      this.#read({ x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height });
    });
    this.frame.addEventListener("pointerleave", () => this.#read(null));
  }

  /** Shows `picture`, and no map yet. */
  setPicture(picture) {
    this.photo.src = picture.url;
    this.frame.style.setProperty("--ratio", picture.width / picture.height);
    const scale = LONGEST / Math.max(picture.width, picture.height);
    this.canvas.width = Math.max(Math.round(picture.width * scale), 1);
    this.canvas.height = Math.max(Math.round(picture.height * scale), 1);
    this.picture = picture;
    this.clear();
  }

  /** Takes the maps away. */
  clear() {
    this.layers = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.setAttribute("aria-label", `${this.title}: not there yet`);
    this.scaleBar.point(null);
    this.divider.element.hidden = true;
    this.reader.element.hidden = true;
    for (const tag of this.tags) tag.hidden = true;
  }

  /** Shows one or two maps, [{map, label}], over the part `seen` of the picture. Two have one scale, so that they can be compared. */
  show(maps, seen) {
    this.maps = maps;
    this.seen = seen ?? { left: 0, top: 0, width: this.picture.width, height: this.picture.height };
    this.symmetric = maps.some(({ map }) => map.signed);
    this.scale = Math.max(...maps.map(({ map }) => map.scale));
    this.largest = Math.max(...maps.map(({ map }) => Math.max(Math.abs(map.min), Math.abs(map.max))));
    this.layers = this.#layers(this.canvas.width, this.canvas.height);
    const said = maps.map(({ map, label }) => `for ${words(label)} strongest at ${strongest(map)}`);
    this.canvas.setAttribute("aria-label", `${this.title} of ${this.picture.alt}: ${said.join("; ")}`);
    this.divider.element.hidden = maps.length < 2;
    this.tags.forEach((tag, index) => {
      tag.hidden = maps.length < 2;
      tag.textContent = maps[index] ? words(maps[index].label) : "";
    });
    this.draw();
    this.#offerReader();
  }

  /** Lets the numbers be read by keys, at first where the first map is strongest. */
  #offerReader() {
    const { width, height } = this.picture;
    const { left, top, width: across, height: down } = this.seen;
    const area = { left: left / width, top: top / height, width: across / width, height: down / height };
    const [{ map }] = this.maps;
    const place = strongestPlace(map);
    this.reader.offer(area, map, { x: area.left + area.width * place.x, y: area.top + area.height * place.y });
  }

  /** The levels of each map on a canvas of `width` x `height`, and where they lie. */
  #layers(width, height) {
    const across = width / this.picture.width;
    const down = height / this.picture.height;
    const left = Math.round(this.seen.left * across);
    const top = Math.round(this.seen.top * down);
    const size = [Math.max(Math.round(this.seen.width * across), 1), Math.max(Math.round(this.seen.height * down), 1)];
    const drawn = this.maps.map(({ map }) => {
      const values = enlarge(map, ...size);
      return { values, levels: levels(values, this.scale, this.symmetric) };
    });
    return { left, top, width: size[0], height: size[1], drawn };
  }

  /** The colour map: the chosen one, but for numbers with a sign one that shows it. */
  get colormap() {
    return this.symmetric ? "rdbu" : state.look.colormap;
  }

  /** Draws again if somebody sees it, else when somebody does. */
  #changed() {
    if (this.isSeen) this.redraw();
    else this.isStale = true;
  }

  #seen(isSeen) {
    this.isSeen = isSeen;
    if (isSeen && this.isStale) this.redraw();
  }

  draw() {
    this.isStale = false;
    if (!this.layers || !colormaps.size) return;
    this.#drawOn(this.canvas, this.layers);
    const { cutoff } = state.look;
    this.scaleBar.show(this.#colors(), { scale: this.scale, symmetric: this.#centred(), largest: this.largest, cutoff });
    this.divider.draw();
  }

  #colors() {
    return colormaps.get(this.colormap).colors;
  }

  #centred() {
    return this.symmetric || colormaps.get(this.colormap).diverging;
  }

  #drawOn(canvas, { left, top, width, height, drawn }) {
    const centred = this.#centred();
    if (centred !== this.symmetric) drawn = drawn.map(({ values }) => ({ levels: levels(values, this.scale, centred) }));
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const colors = palette(this.#colors(), { ...state.look, symmetric: centred });
    const between = Math.min(Math.max(Math.round(state.divider * canvas.width) - left, 0), width);
    if (drawn.length > 1) {
      paint(pixels, drawn[0].levels, colors, width, 0, between);
      paint(pixels, drawn[1].levels, colors, width, between, width);
    } else {
      paint(pixels, drawn[0].levels, colors, width);
    }
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.putImageData(image, left, top);
  }

  /** What is shown, at the picture's own size, as a canvas of its own. */
  drawing() {
    const { width, height } = this.picture;
    const [below, above] = [h("canvas", { width, height }), h("canvas", { width, height })];
    this.#drawOn(above, this.#layers(width, height));
    const context = below.getContext("2d");
    context.drawImage(this.photo, 0, 0, width, height);
    context.drawImage(above, 0, 0);
    return below;
  }

  /** Shows the numbers at a place, shares of the picture's width and height, and says them; none of null. */
  #read(place) {
    const values = place && this.layers && this.#valuesAt(place);
    this.scaleBar.point(values, { scale: this.scale, symmetric: this.layers && this.#centred() });
    if (!values) return "";
    if (values.length === 1) return amount(values[0]);
    return values.map((value, index) => `${words(this.maps[index].label)} ${amount(value)}`).join(", ");
  }

  #valuesAt({ x, y }) {
    const { left, top, width, height, drawn } = this.layers;
    const column = Math.floor(x * this.canvas.width) - left;
    const row = Math.floor(y * this.canvas.height) - top;
    if (column < 0 || row < 0 || column >= width || row >= height) return null;
    return drawn.map(({ values }) => values[row * width + column]);
  }
}
