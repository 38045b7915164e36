import { warpImage } from '@swinface/alignment/warp';
import { type Engine, type Network, networkOf, rawOutputs, type WeightMap } from '@swinface/core';
import { at } from '@swinface/core/internal';
import type { Backend, BackendInput } from './backend.js';
import { loadWeights } from './weights.js';

/** What an engine on the CPU is made from. */
export interface CpuEngineInput {
  readonly network: Network;
  readonly weights: WeightMap;
  readonly maxFaces: number;
  readonly signal: AbortSignal;
}

/** The networks on engines that take crops from host memory; the crops are cut on the CPU. */
export async function openCpuBackend(
  kind: 'wasm' | 'tfjs',
  input: BackendInput,
  create: (input: CpuEngineInput) => Promise<Engine>,
): Promise<Backend> {
  const { groups, maxFaces, signal } = input;
  const weights = await loadWeights(input);
  const engines: Engine[] = [];
  const dispose = () => {
    for (const engine of engines) engine.dispose();
  };
  try {
    for (const { selection } of groups) {
      engines.push(await create({ network: networkOf(selection), weights, maxFaces, signal }));
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
    openWithLevels: (selection, weights, signal) =>
      create({ network: networkOf(selection, { levels: true }), weights, maxFaces: 1, signal }),
    prepare: (image) => ({
      async run(group, sourceToCrop) {
        const engine = at(engines, group);
        const start = performance.now();
        const crops = warpImage(image, sourceToCrop);
        const warped = performance.now();
        const count = sourceToCrop.length;
        const raw = rawOutputs(await engine.run(crops, count), count);
        return { raw, warp: warped - start, network: performance.now() - warped };
      },
      dispose() {},
    }),
  };
}
