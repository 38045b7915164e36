import { warpImage } from '@swinface/alignment';
import { assembleWeights, foldWeights } from '@swinface/core';
import { TfjsEngine } from '@swinface/core/tfjs';
import type { Backend, BackendInput } from './backend.js';

/** The networks on TensorFlow.js; crops are cut on the CPU. */
export async function openTfjsBackend(
  kind: 'wasm' | 'cpu',
  { model, groups, maxFaces }: BackendInput,
  wasmPaths: string | undefined,
): Promise<Backend> {
  const engines: TfjsEngine[] = [];
  const dispose = () => {
    for (const engine of engines) engine.dispose();
  };
  try {
    for (const { selection } of groups) {
      const weights = foldWeights(assembleWeights(selection, model.weights));
      const paths = wasmPaths === undefined ? {} : { wasmPaths };
      engines.push(await TfjsEngine.create({ backend: kind, selection, weights, maxFaces, ...paths }));
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    kind,
    description: engines[0]?.description ?? 'TensorFlow.js',
    maxSide: undefined,
    lost: new Promise(() => {}),
    dispose,
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
