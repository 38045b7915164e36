import type { WeightMap } from '@swinface/core';
import type { BackendInput } from './backend.js';

/** Names of the outputs that any of the groups computes. */
export const outputsOf = (groups: BackendInput['groups']): readonly string[] =>
  groups.flatMap(({ selection }) => [
    ...(selection.recognition ? ['Recognition'] : []),
    ...selection.tasks.map(({ task }) => task.name),
  ]);

/** All weights that the groups need, in memory. */
export async function loadWeights({ model, groups, signal, onProgress }: BackendInput): Promise<WeightMap> {
  if ('weights' in model) return model.weights;
  return model.load({ outputs: outputsOf(groups), signal, onProgress });
}
