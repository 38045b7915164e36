import type { SlidingWindow } from '../../../ops.js';
import type { Kernel, Value } from '../kernel.js';
import type { Kit } from './kit.js';
import source from './max_pool.wgsl?raw';

export interface MaxPoolOptions {
  readonly label: string;
  /** [maxFaces, H*W, C] */
  readonly x: Value;
  /** [maxFaces, H'*W', C] */
  readonly y: Value;
  readonly channels: number;
  readonly geometry: SlidingWindow;
}

/** Maxima over sliding windows. */
export function maxPool(kit: Kit, { label, x, y, channels, geometry }: MaxPoolOptions): Kernel {
  const { WORKGROUP, only, read, uniform, vectors, windowedSides, write } = kit;
  const [lines, columns] = windowedSides(geometry);
  const { sides, kernel, stride, padding } = geometry;
  const [height, width] = sides;
  const { top, left } = padding;
  const c4 = vectors(channels);
  return {
    label,
    variants: only('max_pool', source, (faces) => Math.ceil((faces * lines * columns * c4) / WORKGROUP), {
      KERNEL_HEIGHT: kernel[0],
      KERNEL_WIDTH: kernel[1],
      STRIDE: stride,
    }),
    bindings: [uniform(`${label}.sizes`, { height, width, lines, columns, c4, top, left }), read(x), write(y)],
  };
}
