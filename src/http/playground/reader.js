// A mark that keys move over a map, to read the numbers that the cursor would.

import { h, percent } from "./dom.js";

/** How far an arrow moves the mark at least, as a share of the map, and how far the page keys do. */
const STEP = 0.02;
const LEAP = 0.1;

export class Reader {
  /** `read` gets a place as shares of the picture's width and height, or null, and gives what is there in words. */
  constructor(title, read) {
    this.read = read;
    this.element = h("div", {
      class: "reader", role: "slider", tabIndex: 0, hidden: true, "aria-roledescription": "reading mark", "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-label": `Read ${title}: arrow keys move the mark, Home takes it to the strongest place`,
      on: { keydown: (event) => this.#byKey(event), focus: () => this.#tell(), blur: () => read(null) },
    });
  }

  /** Moves over the part `area` of the picture, {left, top, width, height} as shares of it, which has `cells`; `strongest` is a place in it. */
  offer(area, { columns, rows }, strongest) {
    Object.assign(this, { area, strongest });
    this.across = area.width * Math.max(STEP, 1 / columns);
    this.down = area.height * Math.max(STEP, 1 / rows);
    this.place = this.place && !this.element.hidden ? this.#inside(this.place) : strongest;
    this.element.hidden = false;
    this.#stand();
    if (document.activeElement === this.element) this.#tell();
  }

  #byKey(event) {
    const { across, down, area, strongest, place: { x, y } } = this;
    const places = {
      ArrowLeft: { x: x - across, y }, ArrowRight: { x: x + across, y }, ArrowUp: { x, y: y - down }, ArrowDown: { x, y: y + down },
      PageUp: { x, y: y - LEAP * area.height }, PageDown: { x, y: y + LEAP * area.height }, Home: strongest,
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    this.place = this.#inside(places[event.key]);
    this.#stand();
    this.#tell();
  }

  #inside({ x, y }) {
    const { left, top, width, height } = this.area;
    const within = (value, from, length) => Math.min(Math.max(value, from), from + length * 0.999);
    return { x: within(x, left, width), y: within(y, top, height) };
  }

  #stand() {
    const { x, y } = this.place;
    this.element.style.left = `${100 * x}%`;
    this.element.style.top = `${100 * y}%`;
    this.element.setAttribute("aria-valuenow", Math.round(100 * x));
  }

  #tell() {
    const { x, y } = this.place;
    const said = this.read(this.place);
    this.element.setAttribute("aria-valuetext", `${said}, ${percent(x)} from the left, ${percent(y)} from the top`);
  }
}
