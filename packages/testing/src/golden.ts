import {
  embeddingLength,
  type HostTensor,
  type ModelConfig,
  type NetworkResults,
  type OutputSelection,
  RECOGNITION,
  rawOutputs,
  SUBNETS,
  tensorShapes,
  type WeightMap,
} from '@swinface/core';
import { cosine, type Difference, difference } from './allclose.js';
import { syntheticInput, syntheticTensor } from './synthetic.js';

/** A map FM1..FM4 as the oracle recorded it: sums over everything, the first and the last elements. */
interface GoldenMap {
  readonly shape: readonly number[];
  readonly sum: number;
  readonly abs_sum: number;
  readonly head: readonly number[];
  readonly tail: readonly number[];
}

/** Outputs of a float64 forward pass for weights and input that are regenerated from their names. */
export interface Golden {
  readonly config: ModelConfig;
  readonly weights: WeightMap;
  readonly input: HostTensor;
  readonly levels: readonly [GoldenMap, GoldenMap, GoldenMap, GoldenMap];
  /** [B][logits] by task name; the embedding under "Recognition". */
  readonly outputs: Readonly<Record<string, readonly (readonly number[])[]>>;
}

interface GoldenFile {
  readonly config: Omit<ModelConfig, 'name' | 'subnets'>;
  readonly salt: string;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly weight_samples: Readonly<Record<string, readonly number[]>>;
  readonly input_samples: readonly number[];
  readonly feature_maps: Readonly<Record<'FM1' | 'FM2' | 'FM3' | 'FM4', GoldenMap>>;
  readonly outputs: Golden['outputs'];
}

/** Bars of the whole network in float32 against float64; ten Swin blocks accumulate about 1e-5, the bar leaves room for other adapters' rounding. */
export const GOLDEN_BARS = { atol: 2e-3, rtol: 1e-3, cosine: 0.99999 } as const;

/** One of the golden files kept with the tests. */
export const golden = (name: 'swinface-nano' | 'swinface-t'): Promise<Golden> =>
  readGolden(new URL(`../golden/${name}.golden.json`, import.meta.url));

/**
 * Reads a golden file and regenerates its weights and input.
 *
 * @throws if the file lists other tensors than the network has, or the generator disagrees with the file's samples
 */
export async function readGolden(file: string | URL): Promise<Golden> {
  const recorded = JSON.parse(await read(file)) as GoldenFile;
  const config: ModelConfig = { ...recorded.config, name: 'golden', subnets: SUBNETS };
  const shapes = tensorShapes(config);
  for (const [name, shape] of shapes) {
    const listed = recorded.weights[name];
    if (listed?.join() !== shape.join())
      throw new Error(`${name}: the file lists [${listed}], the network has [${shape}]`);
  }
  const extra = Object.keys(recorded.weights).filter((name) => !shapes.has(name) && !name.startsWith('backbone.head.'));
  if (extra.length > 0) throw new Error(`The network lacks the file's tensors ${extra.join(', ')}`);

  const seed = seeding(recorded);
  const weights = new Map(
    [...shapes].map(([name, shape]) => [name, syntheticTensor(name, shape, seed(name))] as const),
  );
  const input = syntheticInput(seed(recorded.input.name), recorded.input.shape);
  const { FM1, FM2, FM3, FM4 } = recorded.feature_maps;
  return { config, weights, input, levels: [FM1, FM2, FM3, FM4], outputs: recorded.outputs };
}

/** The text of a file, which a test in a browser finds at an address. */
async function read(file: string | URL): Promise<string> {
  if (file instanceof URL && file.protocol !== 'file:') return (await fetch(file)).text();
  const { readFile } = await import('node:fs/promises');
  return readFile(file, 'utf8');
}

/**
 * How the file's salt joins a tensor's name. Files do not say, but their samples do: the first way that reproduces
 * every sample is the one.
 */
function seeding({ salt, weights, weight_samples, input, input_samples }: GoldenFile): (name: string) => string {
  const ways = ['', ':', '/', '.', '|', '#', '-', '_'].flatMap((separator) => [
    (name: string) => salt + separator + name,
    (name: string) => name + separator + salt,
  ]);
  const reproduces = (seed: (name: string) => string) =>
    Object.entries(weight_samples).every(([name, expected]) =>
      sameHead(syntheticTensor(name, weights[name] ?? [], seed(name)), expected),
    ) && sameHead(syntheticInput(seed(input.name), input.shape), input_samples);
  const found = salt === '' ? [(name: string) => name].find(reproduces) : ways.find(reproduces);
  if (!found) throw new Error(`The synthetic weights for salt "${salt}" do not reproduce the samples in the file`);
  return found;
}

const sameHead = (tensor: HostTensor, expected: readonly number[]): boolean =>
  expected.every((value, i) => tensor.data[i] === Math.fround(value));

/** One line of a parity report. */
export interface ParityLine extends Difference {
  readonly output: string;
  readonly passed: boolean;
  /** Lowest cosine over the faces; embeddings only. */
  readonly cosine?: number;
}

/**
 * Every selected output, and every recorded element and sum of the feature maps that were kept, against the golden file.
 *
 * @param results of as many faces as there are, from the first of the file
 */
export function compareWithGolden(expected: Golden, selection: OutputSelection, results: NetworkResults): ParityLine[] {
  const { logits = [], embedding = [] } = results;
  const count =
    selection.logits > 0 ? logits.length / selection.logits : embedding.length / embeddingLength(expected.config);
  const raw = rawOutputs(results, count);
  const lines: ParityLine[] = [];
  const line = (output: string, actual: ArrayLike<number>, want: ArrayLike<number>): ParityLine => {
    const gap = difference(actual, want, GOLDEN_BARS);
    return { output, ...gap, passed: actual.length === want.length && want.length > 0 && gap.outside === 0 };
  };
  for (const { task, offset } of selection.tasks) {
    const actual = Array.from({ length: raw.count }, (_, face) => {
      const start = face * selection.logits + offset;
      return Array.from(raw.logits?.subarray(start, start + task.logits) ?? []);
    });
    lines.push(line(task.name, actual.flat(), (expected.outputs[task.name] ?? []).slice(0, raw.count).flat()));
  }
  if (selection.recognition) {
    const rows = (expected.outputs[RECOGNITION] ?? []).slice(0, raw.count);
    const actual = raw.embeddings ?? new Float32Array();
    const cosines = rows.map((row, face) => cosine(actual.subarray(face * row.length, (face + 1) * row.length), row));
    const lowest = Math.min(...cosines);
    const result = line(RECOGNITION, actual, rows.flat());
    lines.push({ ...result, passed: result.passed && lowest >= GOLDEN_BARS.cosine, cosine: lowest });
  }
  raw.levels?.forEach((actual, level) => {
    const map = expected.levels[level as 0 | 1 | 2 | 3];
    lines.push(line(`FM${level + 1} head`, actual.subarray(0, map.head.length), map.head));
    // The file's tail and sums are of all its faces, so they only speak about a full batch.
    if (raw.count !== map.shape[0]) return;
    lines.push(line(`FM${level + 1} tail`, actual.subarray(actual.length - map.tail.length), map.tail));
    // Means, so that the bar is one element's and not the number of elements times it.
    const sum = actual.reduce((total, value) => total + value, 0) / actual.length;
    const absolute = actual.reduce((total, value) => total + Math.abs(value), 0) / actual.length;
    lines.push(line(`FM${level + 1} mean`, [sum, absolute], [map.sum / actual.length, map.abs_sum / actual.length]));
  });
  return lines;
}
