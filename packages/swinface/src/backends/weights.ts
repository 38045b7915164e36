import type { Manifest, WeightMap } from '@swinface/core';
import type { Storage } from '@swinface/core/webgpu';
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

/** How weights lie in the GPU's memory: as small as in their file, since rounding them less brings nothing back. */
export function storageOf({ tensors }: Manifest): Storage {
  const dtypes = Object.values(tensors).map(({ dtype }) => dtype);
  if (dtypes.includes('I8')) return 'int8';
  return dtypes.includes('F16') ? 'f16' : 'f32';
}
