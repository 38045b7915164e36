import {
  dequantizeRows,
  type HostTensor,
  type QuantizationEffect,
  quantizeRows,
  storedAs,
  type WeightMap,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { normalizeWeights } from './normalize.js';
import { type MeasureOptions, measure, moments } from './quantize.js';
import { type RoundingPlan, roundWeights } from './round-weights.js';

/** One way of rounding, and what it changes. */
export interface RoundingTrial {
  readonly label: string;
  /** Megabytes of the network's large matrices. */
  readonly megabytes: number;
  readonly effects: readonly QuantizationEffect[];
}

/** Columns that share a step in 4 bits. */
const GROUP = 32;

const EIGHT: RoundingPlan = { bits: 8, clip: false, compensate: true };
const FOUR: RoundingPlan = { bits: 4, group: GROUP, clip: true, compensate: true };

/** The largest matrices that together hold half of the elements. */
function largestHalf(weights: WeightMap): ReadonlySet<string> {
  const matrices = [...weights]
    .filter(([name, { shape }]) => storedAs(name, shape, 'I8') === 'I8')
    .sort(([, a], [, b]) => b.data.length - a.data.length);
  const half = matrices.reduce((sum, [, { data }]) => sum + data.length, 0) / 2;
  let held = 0;
  return new Set(
    matrices.flatMap(([name, { data }]) => {
      const taken = held < half;
      held += data.length;
      return taken ? [name] : [];
    }),
  );
}

const nearest = (name: string, tensor: HostTensor): HostTensor =>
  storedAs(name, tensor.shape, 'I8') === 'I8' ? dequantizeRows(quantizeRows(tensor)) : tensor;

/** Rounds weights in every way that was considered, and measures each; writes nothing. */
export async function compareRoundings(
  options: MeasureOptions,
  onTrial: (trial: RoundingTrial) => void = () => {},
): Promise<RoundingTrial[]> {
  const model = await readModelFile(options.weights);
  const normal = normalizeWeights(model.manifest.config, model.weights);
  const known = await moments(model, normal, options);
  const largest = largestHalf(normal);
  const asTrained = () => new Map([...model.weights].map(([name, tensor]) => [name, nearest(name, tensor)]));
  const trials = new Map<string, { plan: (name: string) => RoundingPlan; make?: () => WeightMap }>([
    ['int8, nearest, scales not moved', { plan: () => EIGHT, make: asTrained }],
    ['int8, nearest', { plan: () => ({ ...EIGHT, compensate: false }) }],
    ['int8, nearest, clipped by activations', { plan: () => ({ ...EIGHT, clip: true, compensate: false }) }],
    ['int8, compensated', { plan: () => EIGHT }],
    ['int8, compensated and clipped', { plan: () => ({ ...EIGHT, clip: true }) }],
    ['half in int4, compensated', { plan: (name) => (largest.has(name) ? FOUR : EIGHT) }],
    ['all in int4, nearest', { plan: () => ({ ...FOUR, compensate: false }) }],
    ['all in int4, compensated', { plan: () => FOUR }],
  ]);
  return measure(model, options, async (compare) => {
    const results: RoundingTrial[] = [];
    for (const [label, { plan, make = () => roundWeights(normal, plan, known) }] of trials) {
      const trial = { label, megabytes: megabytes(normal, plan), effects: await compare(make()) };
      onTrial(trial);
      results.push(trial);
    }
    return results;
  });
}

/** Values and steps of the matrices that are rounded. */
function megabytes(weights: WeightMap, plan: (name: string) => RoundingPlan): number {
  let bits = 0;
  for (const [name, { shape, data }] of weights) {
    if (storedAs(name, shape, 'I8') !== 'I8') continue;
    const { bits: each, group } = plan(name);
    // Steps of groups would be stored in 16 bits, those of rows are in 32.
    bits += data.length * each + (group === undefined ? 32 * (shape[0] ?? 1) : (16 * data.length) / group);
  }
  return bits / 8e6;
}
