// NumPy's file format, version 1.0: numpy.org/doc/stable/reference/generated/numpy.lib.format.html

/** A file of `values` (float32) in the `shape`. */
export function npy(values, shape) {
  const list = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${list}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = new Uint8Array(10 + length).fill(0x20);
  header.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, length & 0xff, length >> 8]);
  header.set(new TextEncoder().encode(text), 10);
  header[header.length - 1] = 0x0a;
  return new Blob([header, new Float32Array(values)], { type: "application/x-npy" });
}
