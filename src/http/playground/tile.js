// Small drawings: feature maps and filters, at the size of their numbers.

import { h } from "./dom.js";
import { colormaps } from "./map-view.js";
import { levels, paint, palette } from "./maps.js";

const PLAIN = { opacity: 1, cutoff: 0 };

/** How a map without a photograph below is drawn: viridis, or red and blue about zero. */
export function tileColors(map) {
  return { colors: colormaps.get(map.signed ? "rdbu" : "viridis").colors, symmetric: map.signed };
}

/** A kernel's weights as a map: about zero, whatever their signs. */
export const kernelMap = (map) => ({ ...map, signed: true });

/** Draws `map` on `canvas`, a pixel for each number. */
export function drawTile(canvas, map) {
  const { colors, symmetric } = tileColors(map);
  canvas.width = map.columns;
  canvas.height = map.rows;
  const image = new ImageData(map.columns, map.rows);
  const found = levels(map.values, map.scale, symmetric);
  paint(new Uint32Array(image.data.buffer), found, palette(colors, { ...PLAIN, symmetric }), map.columns);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A canvas with `map`, which `text` describes. */
export function tile(map, text) {
  const canvas = h("canvas", { class: "tile", role: "img", "aria-label": text });
  drawTile(canvas, map);
  return canvas;
}

/** A canvas with a filter that sees colours, [3][rows][columns] in the order red, green, blue. */
export function colorTile({ shape: [, rows, columns], min, max, data }, text) {
  const canvas = h("canvas", { class: "tile", role: "img", "aria-label": text, width: columns, height: rows });
  const image = new ImageData(columns, rows);
  for (let index = 0; index < rows * columns; index++) {
    const color = data.map((channel) => (255 * (channel[Math.floor(index / columns)][index % columns] - min)) / (max - min || 1));
    image.data.set([...color, 255], 4 * index);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
