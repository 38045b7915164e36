import { warpImage } from '@swinface/alignment/warp';
import type { HostTensor } from '@swinface/core';
import { assembleWeights, type Engine, foldWeights, type ModelWeights, type OutputSelection } from '@swinface/core';
import type { Backend, BackendInput } from './backend.js';
import { loadWeights } from './weights.js';

/** What an engine on the CPU is made from. */
export interface CpuEngineInput {
  readonly selection: OutputSelection;
  readonly weights: ModelWeights<HostTensor>;
  readonly maxFaces: number;
  readonly signal: AbortSignal;
  /** Gives FM1..FM4 too. */
  readonly keepLevels?: boolean;
}

/** The networks on engines that take crops from host memory; the crops are cut on the CPU. */
export async function openCpuBackend(
  kind: 'wasm' | 'cpu',
  input: BackendInput,
  create: (input: CpuEngineInput) => Promise<Engine>,
): Promise<Backend> {
  const { groups, maxFaces, signal } = input;
  const tensors = await loadWeights(input);
  const engines: Engine[] = [];
  const dispose = () => {
    for (const engine of engines) engine.dispose();
  };
  try {
    for (const { selection } of groups) {
      const weights = foldWeights(assembleWeights(selection, tensors));
      engines.push(await create({ selection, weights, maxFaces, signal }));
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    kind,
    description: engines[0]?.description ?? kind,
    maxSide: undefined,
    lost: new Promise(() => {}),
    dispose,
    openKeepingLevels: (selection, tensors, signal) => {
      const weights = foldWeights(assembleWeights(selection, tensors));
      return create({ selection, weights, maxFaces: 1, keepLevels: true, signal });
    },
    prepare: (image) => ({
      async run(group, sourceToCrop) {
        const engine = engines[group];
        if (!engine) throw new RangeError(`There is no crop group ${group}`);
        const start = performance.now();
        const crops = warpImage(image, sourceToCrop);
        const warped = performance.now();
        const raw = await engine.run(crops, sourceToCrop.length);
        return { raw, warp: warped - start, network: performance.now() - warped };
      },
      dispose() {},
    }),
  };
}
