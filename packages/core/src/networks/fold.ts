import { at } from '../at.js';
import { BATCH_NORM_EPSILON, type BatchNormWeights, type LinearWeights } from '../ops.js';
import { type HostTensor, sizeOf } from '../tensor.js';
import { bind, type Recipe, recipesOf, type Shape } from './network.js';

type Layer<T> = LinearWeights<T> | BatchNormWeights<T>;
/** A linear map or convolution with bias. */
interface Affine<T> {
  readonly weight: T;
  readonly bias: T;
}

const isNorm = <T>(layer: Layer<T>): layer is BatchNormWeights<T> => 'running_var' in layer;

/** Linear maps, or one convolution, and BatchNorms one after another as one affine map. */
export function foldSequence(layers: readonly Layer<Recipe>[]): Affine<Recipe> {
  const [first] = layers;
  const last = layers.findLast((layer) => !isNorm(layer));
  const outputs = last ? at(last.weight.shape, 0) : 0;
  return later(layers, multiplyOut, { weight: [outputs, ...(first?.weight.shape.slice(1) ?? [])], bias: [outputs] });
}

/** linear(batchNorm(x)) as one linear map, for each subnet of the stack. */
export function foldIntoNext(norm: BatchNormWeights<Recipe>, next: LinearWeights<Recipe>): Affine<Recipe> {
  const { shape } = next.weight;
  const fold = (layers: { norm: BatchNormWeights<HostTensor>; next: LinearWeights<HostTensor> }) =>
    absorb(layers.norm, layers.next);
  return later({ norm, next }, fold, { weight: shape, bias: shape.slice(0, -1) });
}

/** A fold that happens when one of its two halves is asked for, once for both. */
function later<W, H>(layers: W, fold: (layers: H) => Affine<HostTensor>, shapes: Affine<Shape>): Affine<Recipe> {
  const sources = new Map([...recipesOf(layers).values()].flatMap((recipe) => [...recipe.sources]));
  let other: Partial<Affine<HostTensor>> = {};
  const half = (name: 'weight' | 'bias'): Recipe => ({
    shape: shapes[name],
    sources,
    verbatim: false,
    make: (tensor) => {
      const known = other[name];
      other = {};
      if (known) return known;
      const { weight, bias } = fold(bind(layers, (_, recipe) => recipe.make(tensor)) as H);
      // The other half is kept until it is asked for.
      other = name === 'weight' ? { bias } : { weight };
      return name === 'weight' ? weight : bias;
    },
  });
  return { weight: half('weight'), bias: half('bias') };
}

/** BatchNorm with running statistics as y = scale * x + shift. */
function affine(norm: BatchNormWeights<HostTensor>): { scale: Float64Array; shift: Float64Array } {
  const { weight, bias, running_mean, running_var } = norm;
  const scale = Float64Array.from(weight.data, (w, c) => w / Math.sqrt(at(running_var.data, c) + BATCH_NORM_EPSILON));
  const shift = Float64Array.from(bias.data, (b, c) => b - at(running_mean.data, c) * at(scale, c));
  return { scale, shift };
}

/** Multiplies out in float64. */
function multiplyOut(layers: readonly Layer<HostTensor>[]): Affine<HostTensor> {
  const [first, ...others] = layers;
  if (!first || isNorm(first)) throw new RangeError('A sequence to fold begins with a linear map');
  const [outputs = 0, ...rest] = first.weight.shape;
  const inputs = sizeOf(rest);
  // Rows of W and entries of b in y = W x + b.
  let rows = Array.from({ length: outputs }, (_, o) =>
    Float64Array.from(first.weight.data.subarray(o * inputs, (o + 1) * inputs)),
  );
  let bias = Float64Array.from(first.bias?.data ?? new Float64Array(outputs));
  for (const layer of others) {
    if (isNorm(layer)) {
      const { scale, shift } = affine(layer);
      rows = rows.map((row, o) => row.map((value) => value * at(scale, o)));
      bias = bias.map((value, o) => value * at(scale, o) + at(shift, o));
      continue;
    }
    const [outputs = 0, width = 0] = layer.weight.shape;
    const nextBias = new Float64Array(outputs);
    const next: typeof rows = [];
    for (let o = 0; o < outputs; o++) {
      const sum = new Float64Array(inputs);
      let offset = layer.bias ? at(layer.bias.data, o) : 0;
      for (let k = 0; k < width; k++) {
        const factor = at(layer.weight.data, o * width + k);
        const row = at(rows, k);
        // The bounds are the loop's.
        for (let i = 0; i < inputs; i++) sum[i] = (sum[i] as number) + factor * (row[i] as number);
        offset += factor * at(bias, k);
      }
      next.push(sum);
      nextBias[o] = offset;
    }
    rows = next;
    bias = nextBias;
  }
  const weight = new Float32Array(rows.length * inputs);
  rows.forEach((row, o) => {
    weight.set(row, o * inputs);
  });
  return {
    weight: { shape: [rows.length, ...rest], data: weight },
    bias: { shape: [rows.length], data: Float32Array.from(bias) },
  };
}

/** The BatchNorm's scale into the columns, its shift into the bias; [S, O, I] with S = 1 where absent. */
function absorb(norm: BatchNormWeights<HostTensor>, next: LinearWeights<HostTensor>): Affine<HostTensor> {
  const { scale, shift } = affine(norm);
  const { shape } = next.weight;
  const [inputs = 1, outputs = 1, subnets = 1] = [...shape].reverse();
  const weight = new Float32Array(next.weight.data.length);
  const bias = new Float32Array(subnets * outputs);
  for (let row = 0; row < bias.length; row++) {
    const column = Math.floor(row / outputs) * inputs;
    let offset = next.bias ? at(next.bias.data, row) : 0;
    for (let i = 0; i < inputs; i++) {
      const value = at(next.weight.data, row * inputs + i);
      weight[row * inputs + i] = value * at(scale, column + i);
      offset += value * at(shift, column + i);
    }
    bias[row] = offset;
  }
  return { weight: { shape, data: weight }, bias: { shape: shape.slice(0, -1), data: bias } };
}
