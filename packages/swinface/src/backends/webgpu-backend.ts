import { GpuWarp } from '@swinface/alignment';
import { networkOf, rawOutputs } from '@swinface/core';
import { anySignal, at } from '@swinface/core/internal';
import { adapterInfoOf, type CompileOptions, isSoftware, requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import type { TuningOption } from '../types.js';
import type { Backend, BackendInput } from './backend.js';
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
  /** Stops reading weights once opening the backend has failed. */
  const ended = new AbortController();
  let warp: GpuWarp | undefined;
  const dispose = () => {
    warp?.dispose();
    for (const engine of engines) engine.dispose();
    if (!shared) device.destroy();
  };
  try {
    warp = await GpuWarp.create(device, !isSoftware(adapterInfoOf(device)));
    const weightsOnce = weightsFor(input, anySignal(signal, ended.signal));
    const storage = storageOf(model.manifest);
    for (const { selection } of groups) {
      const network = networkOf(selection);
      const weights = weightsOnce();
      engines.push(await WebGpuEngine.compile({ device, network, weights, maxFaces, storage, tuning, signal }));
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
    openWithLevels: (selection, weights, signal) => {
      const network = networkOf(selection, { levels: true });
      return WebGpuEngine.compile({ device, network, weights, maxFaces: 1, tuning, signal });
    },
    prepare(image) {
      const source = warps.upload(image);
      return {
        async run(group, sourceToCrop) {
          const engine = at(engines, group);
          const start = performance.now();
          let recorded = start;
          const count = sourceToCrop.length;
          const results = await engine.runFromInput(count, (encoder) => {
            warps.encode(encoder, { source, sourceToCrop, target: engine.input });
            recorded = performance.now();
          });
          return { raw: rawOutputs(results, count), warp: recorded - start, network: performance.now() - recorded };
        },
        dispose: () => source.dispose(),
      };
    },
  };
}

/**
 * Weights for the engine of a group: of a single one as they arrive; several read the same ones, so these come at once.
 */
function weightsFor(input: BackendInput, signal: AbortSignal): () => CompileOptions['weights'] {
  const { model, groups, onProgress } = input;
  if (groups.length === 1 && !('weights' in model)) {
    return () => model.read({ outputs: outputsOf(groups), signal, onProgress });
  }
  const tensors = loadWeights({ ...input, signal });
  tensors.catch(() => {}); // Compiling rejects with this error; without a handler of its own it would count as unhandled before that.
  return () => tensors;
}
