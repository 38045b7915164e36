import { embeddingLength, type OutputSelection, stageWidth } from '../config.js';
import type { ModelWeights, SubnetWeights } from '../model.js';
import { BATCH_NORM_EPSILON, type BatchNormWeights, type LinearWeights } from '../ops.js';
import type { HostTensor } from '../tensor.js';
import { assembledRecipes, type Recipe } from './assemble.js';

/** BatchNorm with running statistics as y = scale * x + shift. */
function affine(norm: BatchNormWeights<HostTensor>): { scale: Float64Array; shift: Float64Array } {
  const scale = Float64Array.from(
    norm.weight.data,
    (weight, c) => weight / Math.sqrt((norm.running_var.data[c] as number) + BATCH_NORM_EPSILON),
  );
  const shift = Float64Array.from(
    norm.bias.data,
    (bias, c) => bias - (norm.running_mean.data[c] as number) * (scale[c] as number),
  );
  return { scale, shift };
}

/** Linear maps and BatchNorms one after another, multiplied out in float64 to one affine map. */
function foldSequence(
  layers: readonly (LinearWeights<HostTensor> | BatchNormWeights<HostTensor>)[],
): LinearWeights<HostTensor> {
  const [first, ...others] = layers;
  if (!first || 'running_var' in first) throw new RangeError('A sequence to fold begins with a linear map');
  const [outputs, inputs] = first.weight.shape as [number, number];
  // Rows of W and entries of b in y = W x + b.
  let rows = Array.from({ length: outputs }, (_, o) =>
    Float64Array.from(first.weight.data.subarray(o * inputs, (o + 1) * inputs)),
  );
  let bias = Float64Array.from(first.bias?.data ?? new Float64Array(outputs));
  for (const layer of others) {
    if ('running_var' in layer) {
      const { scale, shift } = affine(layer);
      rows = rows.map((row, o) => row.map((value) => value * (scale[o] as number)));
      bias = bias.map((value, o) => value * (scale[o] as number) + (shift[o] as number));
      continue;
    }
    const [outputs, width] = layer.weight.shape as [number, number];
    const nextBias = new Float64Array(outputs);
    const next: typeof rows = [];
    for (let o = 0; o < outputs; o++) {
      const sum = new Float64Array(inputs);
      let offset = layer.bias?.data[o] ?? 0;
      for (let k = 0; k < width; k++) {
        const factor = layer.weight.data[o * width + k] as number;
        const row = rows[k] as Float64Array;
        for (let i = 0; i < inputs; i++) sum[i] = (sum[i] as number) + factor * (row[i] as number);
        offset += factor * (bias[k] as number);
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
    weight: { shape: [rows.length, inputs], data: weight },
    bias: { shape: [rows.length], data: Float32Array.from(bias) },
  };
}

/** linear(batchNorm(x)) as one linear map, for each subnet of the stack. */
function foldIntoNext(norm: BatchNormWeights<HostTensor>, next: LinearWeights<HostTensor>): LinearWeights<HostTensor> {
  const { scale, shift } = affine(norm);
  const [subnets, outputs, inputs] = next.weight.shape as [number, number, number];
  const weight = new Float32Array(next.weight.data.length);
  const bias = new Float32Array(subnets * outputs);
  for (let s = 0; s < subnets; s++) {
    for (let o = 0; o < outputs; o++) {
      let offset = next.bias?.data[s * outputs + o] ?? 0;
      for (let i = 0; i < inputs; i++) {
        const at = (s * outputs + o) * inputs + i;
        const value = next.weight.data[at] as number;
        weight[at] = value * (scale[s * inputs + i] as number);
        offset += value * (shift[s * inputs + i] as number);
      }
      bias[s * outputs + o] = offset;
    }
  }
  return { weight: { shape: next.weight.shape, data: weight }, bias: { shape: [subnets, outputs], data: bias } };
}

/**
 * Multiplies out what is affine at inference: the recognition head becomes one linear map,
 * each subnet's BatchNorm moves into the linear map after it. Outputs are unchanged up to float32 rounding.
 */
export function foldWeights(weights: ModelWeights<HostTensor>): ModelWeights<HostTensor> {
  const { recognition, subnets, ...rest } = weights;
  const folded: ModelWeights<HostTensor> = {
    ...rest,
    ...(recognition ? { recognition: { ...recognition, feature: [foldSequence(recognition.feature)] } } : {}),
  };
  if (!subnets) return folded;
  const { norm, ...others } = subnets;
  if (!norm) return { ...folded, subnets };
  return { ...folded, subnets: { ...others, tss: [foldIntoNext(norm, subnets.tss[0]), subnets.tss[1]] } };
}

type Layer<T> = LinearWeights<T> | BatchNormWeights<T>;

/** The record that {@link foldWeights} makes for a selection, with recipes in the place of tensors. */
export function foldedRecipes(selection: OutputSelection): ModelWeights<Recipe> {
  const { recognition, subnets, ...rest } = assembledRecipes(selection);
  const { config } = selection;
  const length = embeddingLength(config);
  const head = { weight: [length, stageWidth(config, 3)], bias: [length] };
  return {
    ...rest,
    ...(recognition
      ? { recognition: { ...recognition, feature: [foldLater(recognition.feature, foldSequence, head)] } }
      : {}),
    ...(subnets ? { subnets: foldNormLater(subnets, config.feature) } : {}),
  };
}

function foldNormLater({ norm, tss, ...others }: SubnetWeights<Recipe>, width: number): SubnetWeights<Recipe> {
  if (!norm) return { ...others, tss };
  const { shape } = tss[0].weight;
  const fold = ([norm, next]: readonly Layer<HostTensor>[]) =>
    foldIntoNext(norm as BatchNormWeights<HostTensor>, next as LinearWeights<HostTensor>);
  return {
    ...others,
    tss: [foldLater([norm, tss[0]], fold, { weight: shape, bias: [shape[0] as number, width] }), tss[1]],
  };
}

/** A fold that happens when one of its two results is asked for, once for both. */
function foldLater(
  layers: readonly Layer<Recipe>[],
  fold: (layers: readonly Layer<HostTensor>[]) => LinearWeights<HostTensor>,
  shapes: { readonly weight: readonly number[]; readonly bias: readonly number[] },
): LinearWeights<Recipe> {
  const recipes = layers.flatMap((layer): Recipe[] => Object.values(layer));
  const sources = recipes.flatMap((recipe) => recipe.sources);
  let folded: LinearWeights<HostTensor> | undefined;
  const part = (name: 'weight' | 'bias'): Recipe => ({
    shape: shapes[name],
    sources,
    make: (tensor) => {
      const made = (layer: Layer<Recipe>) =>
        Object.fromEntries(Object.entries(layer).map(([key, recipe]: [string, Recipe]) => [key, recipe.make(tensor)]));
      const { weight, bias } = folded ?? fold(layers.map(made) as unknown as readonly Layer<HostTensor>[]);
      // The other half is kept until it is asked for.
      folded = folded ? undefined : { weight, ...(bias ? { bias } : {}) };
      const result = { weight, bias }[name];
      if (!result) throw new RangeError('A fold without a bias');
      return result;
    },
  });
  return { weight: part('weight'), bias: part('bias') };
}
