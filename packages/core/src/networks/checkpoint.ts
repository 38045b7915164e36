import type { BatchNormWeights, LayerNormWeights } from '../ops.js';
import { sizeOf } from '../tensor.js';
import type { Recipe, Shape } from './network.js';

/** Collects the tensors that a network asks its checkpoint for: the one table of their names and shapes. */
export class Checkpoint {
  /** In the order they were asked for. */
  readonly tensors = new Map<string, Shape>();

  tensor(name: string, shape: Shape): Recipe {
    this.tensors.set(name, shape);
    return { shape, sources: new Map([[name, shape]]), verbatim: true, make: (tensor) => tensor(name) };
  }

  /** A linear map or convolution of any shape [outputs, ...] with bias. */
  biased(name: string, shape: Shape): { readonly weight: Recipe; readonly bias: Recipe } {
    const weight = this.tensor(`${name}.weight`, shape);
    return { weight, bias: this.tensor(`${name}.bias`, shape.slice(0, 1)) };
  }

  /** A linear map or convolution of any shape [outputs, ...] without bias. */
  unbiased(name: string, shape: Shape): { readonly weight: Recipe } {
    return { weight: this.tensor(`${name}.weight`, shape) };
  }

  layerNorm(name: string, width: number): LayerNormWeights<Recipe> {
    return this.biased(name, [width]);
  }

  batchNorm(name: string, width: number): BatchNormWeights<Recipe> {
    return {
      ...this.layerNorm(name, width),
      running_mean: this.tensor(`${name}.running_mean`, [width]),
      running_var: this.tensor(`${name}.running_var`, [width]),
    };
  }
}

/** Weights one after another, under a shape that their shapes make. */
function lay(parts: readonly Recipe[], shape: Shape): Recipe {
  return {
    shape,
    sources: new Map(parts.flatMap(({ sources }) => [...sources])),
    verbatim: parts.every(({ verbatim }) => verbatim),
    make: (tensor) => {
      const data = new Float32Array(sizeOf(shape));
      let offset = 0;
      for (const { make } of parts) {
        const part = make(tensor).data;
        data.set(part, offset);
        offset += part.length;
      }
      return { shape, data };
    },
  };
}

/** [...] each -> [S, ...] */
export const stack = (parts: readonly Recipe[]): Recipe => lay(parts, [parts.length, ...(parts[0]?.shape ?? [])]);

/** [rows, ...] each -> [sum of rows, ...] */
export const joinRows = (parts: readonly Recipe[]): Recipe =>
  lay(parts, [parts.reduce((rows, { shape }) => rows + (shape[0] ?? 1), 0), ...(parts[0]?.shape.slice(1) ?? [])]);

/** Records of one form as one, each of whose weights is made of those in its place. */
export function zip<W extends object>(records: readonly W[], join: (parts: readonly Recipe[]) => Recipe): W {
  const merge = (values: readonly unknown[]): unknown => {
    const [first] = values;
    if (typeof first !== 'object' || first === null) throw new RangeError('Only records of recipes can be zipped');
    if ('make' in first) return join(values as readonly Recipe[]);
    const part = (key: string) => merge(values.map((value) => (value as Record<string, unknown>)[key]));
    if (Array.isArray(first)) return first.map((_, index) => part(String(index)));
    return Object.fromEntries(Object.keys(first).map((key) => [key, part(key)]));
  };
  return merge(records) as W;
}
