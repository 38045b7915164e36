import type { Activation } from '../../../graph/fused.js';
import type { ConvolutionShape } from '../../../ops.js';
import type { HostTensor } from '../../../tensor.js';
import type { Kernel, Value, Variant } from '../kernel.js';
import type { Storage } from '../storage.js';
import source from './depthwise.wgsl?raw';
import loopSource from './depthwise_loop.wgsl?raw';
import { type Block, depthwiseSums } from './depthwise_sums.js';
import type { Kit } from './kit.js';

export interface ConvolutionOptions {
  readonly label: string;
  /** [maxFaces, H*W, C] */
  readonly x: Value;
  /** [maxFaces, H'*W', O] */
  readonly y: Value;
  readonly maxFaces: number;
  /** [O, C / groups, kernel height, kernel width] */
  readonly weight: HostTensor;
  readonly bias?: HostTensor;
  readonly geometry: ConvolutionShape;
  readonly activation: Activation;
  readonly residual?: Value;
  /** Channels of the residual, at most O, which is the default. */
  readonly residualWidth?: number;
  readonly storage: Storage;
}

/** Lines and columns of the result that one invocation computes. */
const BLOCKS: readonly Block[] = [
  [1, 2],
  [1, 4],
  [2, 4],
];
/** Windows of more taps are gone through in a loop. */
const MOST_TAPS = 25;

/** A convolution of every channel by itself, with what stands after it. */
export function depthwise(kit: Kit, options: ConvolutionOptions): Kernel {
  const {
    ACTIVATIONS,
    ACTIVATION_SOURCE,
    StoredMatrix,
    WIDEN,
    WORKGROUP,
    constant,
    read,
    uniform,
    vectors,
    windowedSides,
    write,
  } = kit;
  const { label, x, y, weight, bias, geometry, activation, residual, residualWidth, storage } = options;
  const [channels, , kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const { sides, stride, padding } = geometry;
  const [lines, columns] = windowedSides(geometry);
  const c4 = vectors(channels);
  const taps = kernelHeight * kernelWidth;
  const matrix = new StoredMatrix(storage, {
    label: `${label}.weight`,
    rows: channels,
    length: taps * 4 * c4,
    start: (row) => row,
    offsets: Int32Array.from({ length: taps }, (_, tap) => tap * 4 * c4),
    data: () => weight.data,
  });
  const variant = (name: string, [high, wide]: Block, sums: string, constants: Variant['constants'] = {}): Variant => ({
    name,
    shader: {
      sources: [WIDEN[storage], ACTIVATION_SOURCE, source, sums],
      prelude: { BLOCK_LINES: high, BLOCK_COLUMNS: wide },
    },
    entryPoint: 'depthwise',
    oversized: 2 * lines < high || 2 * columns < wide,
    constants: { ACTIVATION: ACTIVATIONS[activation.kind], RESIDUAL: residual ? 1 : 0, STRIDE: stride, ...constants },
    workgroups: (faces) => Math.ceil((faces * Math.ceil(lines / high) * Math.ceil(columns / wide) * c4) / WORKGROUP),
  });
  const writtenOut = (block: Block) =>
    variant(`block${block.join('x')}`, block, depthwiseSums({ kernel: [kernelHeight, kernelWidth], stride, block }));
  const looping = () => variant('loop', [1, 1], loopSource, { KERNEL_HEIGHT: kernelHeight, KERNEL_WIDTH: kernelWidth });
  const slopes = activation.kind === 'prelu' ? activation.slopes : undefined;
  /** [C / 4, 3, 4]: of every channel its bias, the scale of its stored weights, and its slope below zero. */
  const numbers = constant(`${label}.channels`, 12 * c4, (target) => {
    let c = 0;
    for (const { scale } of matrix.rows()) {
      const at = 12 * Math.floor(c / 4) + (c % 4);
      target[at] = bias?.data[c] ?? 0;
      target[at + 4] = scale;
      target[at + 8] = slopes?.data[c] ?? 0;
      c++;
    }
  });
  return {
    label,
    variants: taps > MOST_TAPS ? [looping()] : [writtenOut([1, 1]), ...BLOCKS.map(writtenOut)],
    bindings: [
      uniform(`${label}.sizes`, {
        height: sides[0],
        width: sides[1],
        lines,
        columns,
        c4,
        r4: vectors(residualWidth ?? channels),
        top: padding.top,
        left: padding.left,
      }),
      read(x),
      read(matrix.constant),
      read(numbers),
      read(residual ?? x),
      write(y),
    ],
  };
}
