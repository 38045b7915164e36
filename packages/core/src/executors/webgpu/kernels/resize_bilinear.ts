import type { Kernel, Value } from '../kernel.js';
import type { Kit } from './kit.js';
import source from './resize_bilinear.wgsl?raw';

export interface ResizeBilinearOptions {
  readonly label: string;
  /** [maxFaces, H*W, C] */
  readonly x: Value;
  /** [maxFaces, H'*W', C] */
  readonly y: Value;
  readonly channels: number;
  readonly from: readonly [height: number, width: number];
  readonly to: readonly [height: number, width: number];
}

/** Bilinear resizing of a token map. */
export function resizeBilinear(kit: Kit, { label, x, y, channels, from, to }: ResizeBilinearOptions): Kernel {
  const { WORKGROUP, only, read, uniform, vectors, write } = kit;
  const [height, width] = from;
  const [lines, columns] = to;
  const c4 = vectors(channels);
  return {
    label,
    variants: only('resize_bilinear', source, (faces) => Math.ceil((faces * lines * columns * c4) / WORKGROUP)),
    bindings: [uniform(`${label}.sizes`, { height, width, lines, columns, c4 }), read(x), write(y)],
  };
}
