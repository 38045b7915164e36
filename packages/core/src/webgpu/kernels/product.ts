import { InvalidInputError } from '../../errors.js';
import { LAYER_NORM_EPSILON } from '../../ops.js';
import { type HostTensor, sizeOf } from '../../tensor.js';
import {
  type Constant,
  constant,
  type Kernel,
  quarter,
  read,
  shader,
  uniform,
  type Value,
  WORKGROUP,
  write,
} from '../kernel.js';
import source from './product.wgsl?raw';

const ACTIVATIONS = { none: 0, relu: 1, gelu: 2 } as const;
/** Rows that one invocation computes; `ROWS` of the shader. */
const ROWS = 8;
/** `MAX_TILES` of the shader, whose statistics are kept for so many tiles of rows. */
const MAX_TILES = 16;

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
}

/** A linear layer with everything that stands around it: LayerNorm or patch merging before; bias, activation, residual after. */
export function product(options: ProductOptions): Kernel {
  const { label, x, y, maxFaces, tokens, weight, norm, mergedSize, activation, residual } = options;
  const [inputs, outputs, subnets] = [...weight.shape].reverse() as [number, number, number | undefined];
  const stack = subnets ?? 1;
  if (mergedSize !== undefined && stack > 1) {
    throw new InvalidInputError(`Patch merging before stacked linear layers (${label}) has no kernel.`);
  }
  const n4 = quarter(outputs, label);
  const k4 = quarter(mergedSize === undefined ? inputs : inputs / 4, label) * (mergedSize === undefined ? 1 : 4);
  const { columns, tiles } = workgroupShape(n4, maxFaces * tokens);
  return {
    label,
    code: shader(source),
    entryPoint: 'product',
    constants: {
      NORMALIZE: norm ? 1 : 0,
      MERGE: mergedSize === undefined ? 0 : 1,
      ACTIVATION: ACTIVATIONS[activation],
      RESIDUAL: residual ? 1 : 0,
      EPSILON: LAYER_NORM_EPSILON,
    },
    bindings: [
      uniform(`${label}.sizes`, {
        subnets: stack,
        tokens,
        capacity: maxFaces * tokens,
        k4,
        n4,
        columns,
        tiles,
        side: mergedSize ?? 0,
      }),
      read(x),
      read(transposed(label, weight, norm?.weight)),
      read(shifted(label, weight, options.bias, norm?.bias)),
      read(residual ?? x),
      write(y),
    ],
    workgroups: (faces) => stack * Math.ceil(n4 / columns) * Math.ceil((faces * tokens) / (ROWS * tiles)),
  };
}

/** The split of a workgroup's invocations over columns and tiles of rows that keeps most of them busy; wide ones first. */
function workgroupShape(n4: number, rows: number): { columns: number; tiles: number } {
  let best = { columns: 1, tiles: 1 };
  let most = 0;
  for (let columns = Math.min(WORKGROUP, n4); columns >= 1; columns--) {
    const tiles = Math.min(MAX_TILES, Math.floor(WORKGROUP / columns), Math.ceil(rows / ROWS));
    const busy = (columns * tiles * n4) / (Math.ceil(n4 / columns) * columns);
    if (busy <= most) continue;
    best = { columns, tiles };
    most = busy;
  }
  return best;
}

/** [S, N, K] -> [S, K, N], each row of the result times the LayerNorm's scale of that input. */
function transposed(label: string, weight: HostTensor, scale: HostTensor | undefined): Constant {
  const [inputs, outputs] = [...weight.shape].reverse() as [number, number];
  return constant(`${label}.weight`, sizeOf(weight.shape), (target) => {
    const { data } = weight;
    for (let start = 0; start < data.length; start += inputs * outputs) {
      for (let o = 0; o < outputs; o++) {
        const row = start + o * inputs;
        for (let i = 0; i < inputs; i++) {
          target[start + i * outputs + o] = (data[row + i] as number) * (scale ? (scale.data[i] as number) : 1);
        }
      }
    }
  });
}

/** The layer's bias plus its weight times the LayerNorm's shift, summed in float64. */
function shifted(
  label: string,
  weight: HostTensor,
  bias: HostTensor | undefined,
  shift: HostTensor | undefined,
): Constant {
  const inputs = weight.shape[weight.shape.length - 1] ?? 1;
  return constant(`${label}.bias`, sizeOf(weight.shape) / inputs, (target) => {
    const { data } = weight;
    for (let o = 0; o < target.length; o++) {
      let sum = bias ? (bias.data[o] as number) : 0;
      if (shift) for (let i = 0; i < inputs; i++) sum += (data[o * inputs + i] as number) * (shift.data[i] as number);
      target[o] = sum;
    }
  });
}
