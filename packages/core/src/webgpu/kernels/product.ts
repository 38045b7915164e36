import { InvalidInputError } from '../../errors.js';
import { LAYER_NORM_EPSILON } from '../../ops.js';
import { type HostTensor, sizeOf } from '../../tensor.js';
import {
  type Constant,
  constant,
  type Kernel,
  quarter,
  read,
  uniform,
  type Value,
  WORKGROUP,
  write,
} from '../kernel.js';
import { type Storage, StoredMatrix, WIDEN } from '../storage.js';
import commonSource from './fragments/product_common.wgsl?raw';
import realF16 from './fragments/real_f16.wgsl?raw';
import realF32 from './fragments/real_f32.wgsl?raw';
import { LANES, type Lanes } from './lanes.js';
import source from './product.wgsl?raw';
import splitSource from './product_split.wgsl?raw';
import tileSource from './product_tile.wgsl?raw';

const REAL = { f32: realF32, f16: realF16 } as const;
/** Rows that one invocation of the tiled shader computes; its `ROWS`. */
const ROWS = 8;
const ACTIVATIONS = { none: 0, relu: 1, gelu: 2 } as const;

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
  readonly activation: keyof typeof ACTIVATIONS;
  readonly residual?: Value;
  readonly storage: Storage;
}

/** A linear layer with everything that stands around it: LayerNorm or patch merging before; bias, activation, residual after. */
export function product(options: ProductOptions): Kernel {
  const { label, x, y, maxFaces, tokens, weight, norm, mergedSize, activation, residual, storage } = options;
  const [inputs, outputs, subnets] = [...weight.shape].reverse() as [number, number, number | undefined];
  const stack = subnets ?? 1;
  if (mergedSize !== undefined && stack > 1) {
    throw new InvalidInputError(`Patch merging before stacked linear layers (${label}) has no kernel.`);
  }
  const n4 = quarter(outputs, label);
  const k4 = quarter(mergedSize === undefined ? inputs : inputs / 4, label) * (mergedSize === undefined ? 1 : 4);
  const matrix = storedTransposed(label, storage, weight, norm?.weight);
  const constants = {
    NORMALIZE: norm ? 1 : 0,
    MERGE: mergedSize === undefined ? 0 : 1,
    ACTIVATION: ACTIVATIONS[activation],
    RESIDUAL: residual ? 1 : 0,
    EPSILON: LAYER_NORM_EPSILON,
  };
  const inRegisters = (lanes: Lanes, fours: number) => ({
    name: `${lanes}${4 * fours}`,
    shader: { ...LANES[lanes], sources: [...LANES[lanes].sources, WIDEN[storage], commonSource, source] },
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
    shader: {
      ...LANES.alone,
      sources: [...LANES.alone.sources, WIDEN[storage], commonSource, source, splitSource],
    },
    entryPoint: 'product_split',
    constants,
    workgroups: (faces: number) => stack * Math.ceil(n4 / 8) * Math.ceil((faces * tokens) / 8),
  };
  const tiled = (size: number, columns: number, real: 'f32' | 'f16' = 'f32') => {
    const rows = (ROWS * size) / columns;
    return {
      name: `tile${rows}x${4 * columns}${real === 'f16' ? '.f16' : ''}`,
      shader: {
        sources: [REAL[real], WIDEN[storage], commonSource, tileSource],
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
        side: mergedSize ?? 0,
      }),
      read(x),
      read(matrix.constant),
      read(columns(label, matrix, weight, options.bias, norm?.bias)),
      read(residual ?? x),
      write(y),
    ],
  };
}

/** [S, N, K] -> [S, K, N], each row of the result times the LayerNorm's scale of that input. */
function storedTransposed(
  label: string,
  storage: Storage,
  weight: HostTensor,
  scale: HostTensor | undefined,
): StoredMatrix {
  const [inputs, outputs] = [...weight.shape].reverse() as [number, number];
  return new StoredMatrix(storage, {
    label: `${label}.weight`,
    rows: sizeOf(weight.shape) / inputs,
    length: sizeOf(weight.shape),
    start: (row) => Math.floor(row / outputs) * inputs * outputs + (row % outputs),
    offsets: Int32Array.from({ length: inputs }, (_, i) => i * outputs),
    data: () => {
      if (!scale) return weight.data;
      const factors = scale.data;
      return weight.data.map((value, at) => value * (factors[at % inputs] as number));
    },
  });
}

/**
 * [S, N / 4, 3, 4]: the layer's bias plus its weight times the LayerNorm's shift, the scale of the stored weights, their
 * sum; summed in float64.
 */
function columns(
  label: string,
  matrix: StoredMatrix,
  weight: HostTensor,
  bias: HostTensor | undefined,
  shift: HostTensor | undefined,
): Constant {
  const inputs = weight.shape[weight.shape.length - 1] ?? 1;
  return constant(`${label}.columns`, (3 * sizeOf(weight.shape)) / inputs, (target) => {
    const { data } = weight;
    const shifts = shift?.data;
    let o = 0;
    for (const { scale, sum } of matrix.rows()) {
      let offset = bias ? (bias.data[o] as number) : 0;
      if (shifts) for (let i = 0; i < inputs; i++) offset += (data[o * inputs + i] as number) * (shifts[i] as number);
      const at = 12 * Math.floor(o / 4) + (o % 4);
      target[at] = offset;
      target[at + 4] = scale;
      target[at + 8] = sum;
      o++;
    }
  });
}
