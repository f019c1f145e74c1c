// From a map of numbers to pixels, as the service draws them: nothing here knows of elements or requests.

/** The share of a map's magnitudes that are told apart; what is above gets the last colour. */
const SHARE = 0.995;

/** A map as typed numbers: {rows, columns, values, min, max, signed, scale}, out of {shape, min, max, data} of an answer. */
export function readMap({ shape, min, max, data }) {
  const [rows, columns] = shape;
  const values = new Float32Array(rows * columns);
  data.forEach((row, index) => values.set(row, index * columns));
  return { rows, columns, values, min, max, signed: min < 0, scale: scaleOf(values, min === max) };
}

/** The magnitude that gets the last colour: the 99.5th percentile, which in a small map is the maximum. */
function scaleOf(values, constant) {
  if (constant) return 0;
  const magnitudes = values.map(Math.abs).sort();
  const high = magnitudes[Math.ceil(magnitudes.length * SHARE) - 1];
  return high > 0 ? high : magnitudes[magnitudes.length - 1];
}

/** `map` enlarged to [height, width], bilinearly between the centres of its cells. */
export function enlarge(map, width, height) {
  const across = weights(map.columns, width);
  const down = weights(map.rows, height);
  const enlarged = new Float32Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const above = down.first[y] * map.columns;
    const below = down.second[y] * map.columns;
    const share = down.share[y];
    for (let x = 0; x < width; x++, at++) {
      const left = across.first[x];
      const right = across.second[x];
      const part = across.share[x];
      const top = map.values[above + left] * (1 - part) + map.values[above + right] * part;
      const bottom = map.values[below + left] * (1 - part) + map.values[below + right] * part;
      enlarged[at] = top * (1 - share) + bottom * share;
    }
  }
  return enlarged;
}

function weights(from, to) {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Float32Array(to);
  for (let index = 0; index < to; index++) {
    const place = Math.min(Math.max(((index + 0.5) * from) / to - 0.5, 0), from - 1);
    first[index] = Math.floor(place);
    second[index] = Math.min(first[index] + 1, from - 1);
    share[index] = place - first[index];
  }
  return { first, second, share };
}

/** Numbers as levels 0 to 255: from 0 to `scale`, or on both sides of 0 if `symmetric`. */
export function levels(values, scale, symmetric) {
  const found = new Uint8ClampedArray(values.length);
  if (!(scale > 0)) return found.fill(symmetric ? 128 : 0);
  const factor = (symmetric ? 127.5 : 255) / scale;
  const zero = symmetric ? 127.5 : 0;
  for (let index = 0; index < values.length; index++) found[index] = values[index] * factor + zero;
  return found;
}

/** Each level's colour as a pixel of a canvas: opaque by `opacity`, and invisible below the share `cutoff` of the scale. */
export function palette(colors, { opacity, cutoff, symmetric }) {
  const pixels = new Uint32Array(256);
  const bytes = new Uint8Array(pixels.buffer);
  for (let level = 0; level < 256; level++) {
    const share = symmetric ? Math.abs(level - 127.5) / 127.5 : level / 255;
    bytes.set(colors[level], 4 * level);
    bytes[4 * level + 3] = share < cutoff ? 0 : Math.round(opacity * 255);
  }
  return pixels;
}

/** Colours `levels` into `pixels`, from column `from` to `to` of rows of `width`. */
export function paint(pixels, found, colors, width, from = 0, to = width) {
  if (from === 0 && to === width) {
    for (let index = 0; index < pixels.length; index++) pixels[index] = colors[found[index]];
    return;
  }
  for (let row = 0; row < pixels.length; row += width) {
    for (let index = row + from; index < row + to; index++) pixels[index] = colors[found[index]];
  }
}

/** The middle of the cell where a map is strongest, {x, y} as shares of its width and height. */
export function strongestPlace({ values, rows, columns }) {
  let best = 0;
  values.forEach((value, index) => {
    if (Math.abs(value) > Math.abs(values[best])) best = index;
  });
  return { x: ((best % columns) + 0.5) / columns, y: (Math.floor(best / columns) + 0.5) / rows };
}

/** Where a map is strongest, in words. */
export function strongest(map) {
  const { x, y } = strongestPlace(map);
  const third = (share, names) => names[Math.min(Math.floor(3 * share), 2)];
  const down = third(y, ["top", "middle", "bottom"]);
  const across = third(x, ["left", "centre", "right"]);
  return down === "middle" && across === "centre" ? "the centre" : `the ${down} ${across}`;
}
