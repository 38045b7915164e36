import { type HostTensor, storedAs, type WeightMap } from '@swinface/core';
import { type PreparedMoments, prepareMoments, type Rounding, roundMatrix } from './rounding.js';

/** How the weights of a network are rounded. */
export interface RoundingPlan extends Rounding {
  /** Let each weight make up for the errors of those rounded before it; needs moments. */
  readonly compensate: boolean;
}

/**
 * Rounds what is stored as int8.
 *
 * @param plan by checkpoint name
 * @param moments of the inputs by checkpoint name; matrices that share inputs share the array
 */
export function roundWeights(
  weights: WeightMap,
  plan: (name: string) => RoundingPlan,
  moments: ReadonlyMap<string, Float32Array> = new Map(),
): Map<string, HostTensor> {
  const result = new Map(weights);
  const waiting = [...weights].filter(([name, { shape }]) => storedAs(name, shape, 'I8') === 'I8');
  // Matrices with the same inputs one after another, so that only one factor is in memory.
  const order = new Map([...new Set(moments.values())].map((array, i) => [array, i]));
  const place = (name: string) => order.get(moments.get(name) ?? new Float32Array()) ?? -1;
  waiting.sort(([a], [b]) => place(a) - place(b));
  let prepared: { array: Float32Array; moments: PreparedMoments } | undefined;
  for (const [name, tensor] of waiting) {
    const { compensate, ...rounding } = plan(name);
    const array = moments.get(name);
    if (array && (prepared?.array !== array || (compensate && !prepared.moments.factor))) {
      prepared = undefined; // lets go of the last factor before the next is made
      const columns = tensor.data.length / (tensor.shape[0] ?? 1);
      prepared = { array, moments: prepareMoments(array, columns, compensate) };
    }
    const { diagonal, factor } = array && prepared ? prepared.moments : {};
    const known = diagonal && { diagonal, ...(compensate && factor ? { factor } : {}) };
    result.set(name, roundMatrix(tensor, rounding, known));
  }
  return result;
}
