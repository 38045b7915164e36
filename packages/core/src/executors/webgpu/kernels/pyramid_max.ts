import type { Constant, Kernel, Value } from '../kernel.js';
import type { Kit } from './kit.js';
import source from './pyramid_max.wgsl?raw';

export interface PyramidMaxOptions {
  readonly label: string;
  /** [maxFaces, H*W, C] */
  readonly x: Value;
  /** [maxFaces, blocks * C] */
  readonly y: Value;
  readonly channels: number;
  readonly sides: readonly [height: number, width: number];
  readonly levels: number;
}

/** Maxima over a pyramid of blocks. */
export function pyramidMax(kit: Kit, { label, x, y, channels, sides, levels }: PyramidMaxOptions): Kernel {
  const { WORKGROUP, only, pyramidBlocks, read, uniform, vectors, write } = kit;
  const [height, width] = sides;
  const blocks = pyramidBlocks(sides, levels);
  const outputs = blocks.length * channels;
  const row = 4 * vectors(outputs);
  const bounds: Constant = {
    kind: 'constant',
    label: `${label}.blocks`,
    length: 4 * blocks.length,
    fill: (target) =>
      new Uint32Array(target).set(blocks.flatMap(({ top, bottom, left, right }) => [top, bottom, left, right])),
  };
  return {
    label,
    variants: only('pyramid_max', source, (faces) => Math.ceil((faces * row) / WORKGROUP)),
    bindings: [
      uniform(`${label}.sizes`, {
        pixels: height * width,
        width,
        stride: 4 * vectors(channels),
        channels,
        outputs,
        row,
      }),
      read(x),
      read(bounds),
      write(y),
    ],
  };
}
