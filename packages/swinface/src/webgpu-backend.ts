import { GpuWarp } from '@swinface/alignment';
import { assembleWeights, foldWeights, type OutputSelection } from '@swinface/core';
import { type CompileOptions, isSoftware, requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import { anySignal } from './abort.js';
import type { Backend, BackendInput } from './backend.js';
import type { TuningOption } from './types.js';
import { loadWeights, outputsOf, storageOf } from './weights.js';

export { describeAdapter, isSoftware } from '@swinface/core/webgpu';

/**
 * The networks on WebGPU: pictures become textures, crops are cut straight into the networks' inputs, and warp and
 * network are one submit.
 *
 * @param shared a device of the caller's, which is not destroyed; else one is requested
 */
export async function openWebGpuBackend(
  input: BackendInput,
  shared: GPUDevice | undefined,
  tuning: TuningOption,
): Promise<Backend> {
  const { model, groups, maxFaces, signal } = input;
  const device = shared ?? (await requestDevice()).device;
  const engines: WebGpuEngine[] = [];
  /** Ends the reading of weights that nobody waits for any more. */
  const ended = new AbortController();
  let warp: GpuWarp | undefined;
  const dispose = () => {
    warp?.dispose();
    for (const engine of engines) engine.dispose();
    if (!shared) device.destroy();
  };
  try {
    warp = await GpuWarp.create(device, !isSoftware(device.adapterInfo));
    const weightsOf = weightsFor(input, anySignal(signal, ended.signal));
    const storage = storageOf(model.manifest);
    for (const { selection } of groups) {
      const weights = weightsOf(selection);
      engines.push(await WebGpuEngine.compile({ device, selection, weights, maxFaces, storage, tuning, signal }));
    }
  } catch (error) {
    ended.abort(error);
    dispose();
    throw error;
  }
  const warps = warp;
  return {
    kind: 'webgpu',
    description: engines[0]?.description ?? 'WebGPU',
    maxSide: device.limits.maxTextureDimension2D,
    lost: device.lost.then(({ reason, message }) => message || reason),
    dispose,
    openKeepingLevels: (selection, tensors, signal) => {
      const weights = foldWeights(assembleWeights(selection, tensors));
      return WebGpuEngine.compile({ device, selection, weights, maxFaces: 1, tuning, keepLevels: true, signal });
    },
    prepare(image) {
      const source = warps.upload(image);
      return {
        async run(group, sourceToCrop) {
          const engine = engines[group];
          if (!engine) throw new RangeError(`There is no crop group ${group}`);
          const start = performance.now();
          let recorded = start;
          const raw = await engine.runFromInput(sourceToCrop.length, (encoder) => {
            warps.encode(encoder, { source, sourceToCrop, target: engine.input });
            recorded = performance.now();
          });
          return { raw, warp: recorded - start, network: performance.now() - recorded };
        },
        dispose: () => source.dispose(),
      };
    },
  };
}

/**
 * Weights for the engine of a group: of a single one as they arrive; several read the same ones, so these come at once.
 */
function weightsFor(
  input: BackendInput,
  signal: AbortSignal,
): (selection: OutputSelection) => CompileOptions['weights'] {
  const { model, groups, onProgress } = input;
  if (groups.length === 1 && !('weights' in model)) {
    return () => model.read({ outputs: outputsOf(groups), signal, onProgress });
  }
  const tensors = loadWeights({ ...input, signal });
  tensors.catch(() => {}); // Told to the engine that waits for it.
  return async (selection) => foldWeights(assembleWeights(selection, await tensors));
}
