import { InvalidInputError } from '../../../errors.js';
import type { Activation } from '../../../graph/fused.js';
import { LAYER_NORM_EPSILON } from '../../../ops.js';
import { type HostTensor, sizeOf } from '../../../tensor.js';
import {
  type Constant,
  constant,
  type Kernel,
  quarter,
  read,
  uniform,
  type Value,
  vectors,
  WORKGROUP,
  write,
} from '../kernel.js';
import { type Storage, StoredMatrix, WIDEN } from '../storage.js';
import { ACTIVATIONS } from './activation.js';
import activationSource from './fragments/activation.wgsl?raw';
import commonSource from './fragments/product_common.wgsl?raw';
import realF16 from './fragments/real_f16.wgsl?raw';
import realF32 from './fragments/real_f32.wgsl?raw';
import rowsWhole from './fragments/rows_whole.wgsl?raw';
import { LANES, type Lanes } from './lanes.js';
import source from './product.wgsl?raw';
import splitSource from './product_split.wgsl?raw';
import tileSource from './product_tile.wgsl?raw';

const REAL = { f32: realF32, f16: realF16 } as const;
/** Rows that one invocation of the tiled shader computes; its `ROWS`. */
const ROWS = 8;

/** Rows that are gathered from several places of x. */
export interface Gathering {
  /** Shader that says where, in the place of rows_whole.wgsl. */
  readonly source: string;
  readonly constants: Readonly<Record<string, number>>;
  /** What its `Sizes` have besides everybody's. */
  readonly sizes: Readonly<Record<string, number>>;
}

export interface ProductOptions {
  readonly label: string;
  readonly x: Value;
  readonly y: Value;
  readonly maxFaces: number;
  /** Rows of one face. */
  readonly tokens: number;
  /** [N, K], or [S, N, K] */
  readonly weight: HostTensor;
  /** [N], or [S, N] */
  readonly bias?: HostTensor;
  /** LayerNorm of the rows beforehand. */
  readonly norm?: { readonly weight: HostTensor; readonly bias: HostTensor };
  /** Side of the token map whose 2x2 squares are the rows (patch merging). */
  readonly mergedSize?: number;
  readonly gathering?: Gathering;
  /** Where number i of a row of the weight stands in a row of x, and how long that is; i of K by default. */
  readonly places?: { readonly depth: number; readonly of: (i: number, row: number) => number };
  readonly activation: Activation;
  readonly residual?: Value;
  /** Channels of the residual, at most N, which is the default. */
  readonly residualWidth?: number;
  readonly storage: Storage;
}

/** A linear layer with everything that stands around it: LayerNorm or patch merging before; bias, residual, activation after. */
export function product(options: ProductOptions): Kernel {
  const { label, x, y, maxFaces, tokens, weight, norm, mergedSize, activation, residual, storage } = options;
  const [inputs, outputs, subnets] = [...weight.shape].reverse() as [number, number, number | undefined];
  const stack = subnets ?? 1;
  if (mergedSize !== undefined && stack > 1) {
    throw new InvalidInputError(`Patch merging before stacked linear layers (${label}) has no kernel.`);
  }
  if (norm) quarter(inputs, label);
  if (mergedSize !== undefined) quarter(inputs / 4, label);
  const { places = { depth: inputs, of: (i: number) => i }, gathering } = options;
  const n4 = vectors(outputs);
  const k4 = vectors(places.depth);
  const matrix = storedTransposed(label, storage, weight, norm?.weight, places, { k4, n4 });
  const constants = {
    ...(norm ? { NORMALIZE: 1, EPSILON: LAYER_NORM_EPSILON } : {}),
    ...(mergedSize === undefined ? {} : { MERGE: 1 }),
    ...gathering?.constants,
    ACTIVATION: ACTIVATIONS[activation.kind],
    RESIDUAL: residual ? 1 : 0,
  };
  const sources = [gathering?.source ?? rowsWhole, WIDEN[storage], activationSource, commonSource];
  const inRegisters = (lanes: Lanes, fours: number) => ({
    name: `${lanes}${4 * fours}`,
    shader: { ...LANES[lanes], sources: [...LANES[lanes].sources, ...sources, source] },
    entryPoint: 'product',
    oversized: 2 * maxFaces * tokens < 4 * fours,
    constants: { ...constants, FOURS: fours },
    workgroups: (faces: number) => {
      const width = Math.ceil(n4 / LANES[lanes].width) * LANES[lanes].width;
      return Math.ceil((stack * width * Math.ceil((faces * tokens) / (4 * fours))) / WORKGROUP);
    },
  });
  const split = {
    name: 'split8',
    shader: { ...LANES.alone, sources: [...LANES.alone.sources, ...sources, source, splitSource] },
    entryPoint: 'product_split',
    constants,
    workgroups: (faces: number) => stack * Math.ceil(n4 / 8) * Math.ceil((faces * tokens) / 8),
  };
  const tiled = (size: number, columns: number, real: 'f32' | 'f16' = 'f32') => {
    const rows = (ROWS * size) / columns;
    return {
      name: `tile${rows}x${4 * columns}${real === 'f16' ? '.f16' : ''}`,
      shader: {
        sources: [REAL[real], ...sources, tileSource],
        ...(real === 'f16' ? { enable: ['shader-f16'] as const } : {}),
      },
      entryPoint: 'product_tile',
      oversized: 2 * maxFaces * tokens < rows || 2 * n4 < columns,
      constants: { ...constants, SIZE: size, COLUMNS: columns },
      workgroups: (faces: number) => stack * Math.ceil(n4 / columns) * Math.ceil((faces * tokens) / rows),
    };
  };
  return {
    label,
    variants: [
      inRegisters('alone', 2),
      inRegisters('quad', 1),
      inRegisters('quad', 2),
      inRegisters('quad', 4),
      split,
      tiled(64, 8),
      tiled(64, 16),
      tiled(256, 16),
      // Half-precision arithmetic loses bits, so it is for those who gave half of them away in the weights already.
      ...(storage === 'f16' ? [tiled(64, 8, 'f16'), tiled(64, 16, 'f16'), tiled(256, 16, 'f16')] : []),
    ],
    bindings: [
      uniform(`${label}.sizes`, {
        subnets: stack,
        tokens,
        capacity: maxFaces * tokens,
        k4,
        n4,
        r4: vectors(options.residualWidth ?? outputs),
        ...(gathering?.sizes ?? { side: mergedSize ?? 0 }),
      }),
      read(x),
      read(matrix.constant),
      read(columns(label, matrix, options, n4)),
      read(residual ?? x),
      write(y),
    ],
  };
}

/** [S, N, K] -> [S, K, N], each row of the result times the LayerNorm's scale of that input, filled up with zeros. */
function storedTransposed(
  label: string,
  storage: Storage,
  weight: HostTensor,
  scale: HostTensor | undefined,
  { of }: NonNullable<ProductOptions['places']>,
  { k4, n4 }: { readonly k4: number; readonly n4: number },
): StoredMatrix {
  const [inputs, outputs] = [...weight.shape].reverse() as [number, number];
  const rows = sizeOf(weight.shape) / inputs;
  return new StoredMatrix(storage, {
    label: `${label}.weight`,
    rows,
    length: (rows / outputs) * 4 * k4 * 4 * n4,
    start: (row) => (Math.floor(row / outputs) * 4 * k4 + of(0, row)) * 4 * n4 + (row % outputs),
    offsets: Int32Array.from({ length: inputs }, (_, i) => (of(i, 0) - of(0, 0)) * 4 * n4),
    data: () => {
      if (!scale) return weight.data;
      const factors = scale.data;
      return weight.data.map((value, at) => value * (factors[at % inputs] as number));
    },
  });
}

/**
 * [S, N / 4, 4, 4]: the layer's bias plus its weight times the LayerNorm's shift, the scale of the stored weights, their
 * sum, and the activation's slope; summed in float64.
 */
function columns(
  label: string,
  matrix: StoredMatrix,
  { weight, bias, norm, activation }: ProductOptions,
  n4: number,
): Constant {
  const [inputs, outputs] = [...weight.shape].reverse() as [number, number];
  return constant(`${label}.columns`, (sizeOf(weight.shape) / inputs / outputs) * 16 * n4, (target) => {
    const { data } = weight;
    const shifts = norm?.bias.data;
    const slopes = activation.kind === 'prelu' ? activation.slopes.data : undefined;
    let o = 0;
    for (const { scale, sum } of matrix.rows()) {
      let offset = bias ? (bias.data[o] as number) : 0;
      if (shifts) for (let i = 0; i < inputs; i++) offset += (data[o * inputs + i] as number) * (shifts[i] as number);
      const column = o % outputs;
      const at = 16 * (Math.floor(o / outputs) * n4 + Math.floor(column / 4)) + (column % 4);
      target[at] = offset;
      target[at + 4] = scale;
      target[at + 8] = sum;
      target[at + 12] = slopes?.[column] ?? 0;
      o++;
    }
  });
}
