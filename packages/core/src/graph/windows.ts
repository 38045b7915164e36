/**
 * Token order of (shifted) windows: entry i is the raster token that stands at place i once the map is rolled by
 * (-shift, -shift) and cut into windows, window after window. Length size * size.
 */
export function windowOrder(size: number, window: number, shift: number): number[] {
  const windows = size / window;
  return Array.from({ length: size * size }, (_, place) => {
    const inside = place % (window * window);
    const which = Math.floor(place / (window * window));
    const row = Math.floor(which / windows) * window + Math.floor(inside / window);
    const column = (which % windows) * window + (inside % window);
    return ((row + shift) % size) * size + ((column + shift) % size);
  });
}

/** The permutation that undoes `order`. */
export function inverseOrder(order: readonly number[]): number[] {
  const inverse = new Array<number>(order.length);
  order.forEach((from, to) => {
    inverse[from] = to;
  });
  return inverse;
}

/** Row of the relative position table for each (query, key) pair of a window: [window^2, window^2], row-major. */
export function relativePositions(window: number): number[] {
  const tokens = window * window;
  const span = 2 * window - 1;
  return Array.from({ length: tokens * tokens }, (_, index) => {
    const query = Math.floor(index / tokens);
    const key = index % tokens;
    const dy = Math.floor(query / window) - Math.floor(key / window);
    const dx = (query % window) - (key % window);
    return (dy + window - 1) * span + dx + window - 1;
  });
}

/** 0 within a region of the rolled map and -100 between regions: [windows, window^2, window^2]. */
export function shiftMask(size: number, window: number, shift: number): Float32Array {
  const tokens = window * window;
  const windows = size / window;
  const band = (position: number) => (position < size - window ? 0 : position < size - shift ? 1 : 2);
  const region = (which: number, inside: number) => {
    const row = Math.floor(which / windows) * window + Math.floor(inside / window);
    const column = (which % windows) * window + (inside % window);
    return band(row) * 3 + band(column);
  };
  const mask = new Float32Array(windows * windows * tokens * tokens);
  for (let i = 0; i < mask.length; i++) {
    const which = Math.floor(i / tokens / tokens);
    if (region(which, Math.floor(i / tokens) % tokens) !== region(which, i % tokens)) mask[i] = -100;
  }
  return mask;
}

/** Token order of patch merging: the four pixels (0,0), (1,0), (0,1), (1,1) (row, column) of each 2x2 side by side. */
export function mergeOrder(size: number): number[] {
  const half = size / 2;
  return Array.from({ length: size * size }, (_, place) => {
    const part = place % 4;
    const token = Math.floor(place / 4);
    const row = 2 * Math.floor(token / half) + (part % 2);
    const column = 2 * (token % half) + Math.floor(part / 2);
    return row * size + column;
  });
}
