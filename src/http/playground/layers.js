// What a layer is, in words and shapes.

import { whole } from "./dom.js";

const KINDS = [
  [/^InputLayer$/, "input"],
  [/Conv/, "convolution"],
  [/Pool/, "pooling"],
  [/^Dense$/, "dense"],
];

/** The kind that a layer is drawn as. */
export const kindOf = (layer) => KINDS.find(([pattern]) => pattern.test(layer.type))?.[1] ?? "other";

/** [height, width, channels] of what a layer gives; of a vector [1, 1, length]. */
export function sizeOf({ output_shape: shape }) {
  const [, ...own] = shape;
  return own.length === 3 ? own : [1, 1, own.reduce((product, side) => product * side, 1)];
}

/** Whether a layer gives feature maps. */
export const hasMaps = (layer) => layer.output_shape.length === 4 && kindOf(layer) !== "input";

/** A shape as people write it. */
export const shapeText = ({ output_shape: [, ...own] }) => own.map((side) => side ?? "?").join(" × ");

/** A layer's settings in a line. */
export function settings(layer) {
  const by = (sides) => sides.join(" × ");
  return [
    layer.filters && `${layer.filters} filters of ${by(layer.kernel_size)}`,
    layer.units && `${layer.units} units`,
    layer.pool_size && `windows of ${by(layer.pool_size)}`,
    layer.strides && Math.max(...layer.strides) > 1 && `step ${by(layer.strides)}`,
    layer.activation && layer.activation !== "linear" && layer.activation,
    `gives ${shapeText(layer)}`,
    layer.parameters > 0 && `${whole(layer.parameters)} parameters`,
  ].filter(Boolean).join(" · ");
}
