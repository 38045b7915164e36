import { GpuWarp } from '@swinface/alignment';
import { assembleWeights, foldWeights } from '@swinface/core';
import { requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import type { Backend, BackendInput } from './backend.js';

/**
 * The networks on WebGPU: pictures become textures, crops are cut straight into the networks' inputs, and warp and
 * network are one submit.
 *
 * @param shared a device of the caller's, which is not destroyed; else one is requested
 */
export async function openWebGpuBackend(
  { model, groups, maxFaces, signal }: BackendInput,
  shared: GPUDevice | undefined,
): Promise<Backend> {
  const device = shared ?? (await requestDevice()).device;
  const engines: WebGpuEngine[] = [];
  let warp: GpuWarp | undefined;
  const dispose = () => {
    warp?.dispose();
    for (const engine of engines) engine.dispose();
    if (!shared) device.destroy();
  };
  try {
    warp = await GpuWarp.create(device);
    for (const { selection } of groups) {
      const weights = foldWeights(assembleWeights(selection, model.weights));
      engines.push(await WebGpuEngine.compile({ device, selection, weights, maxFaces, signal }));
    }
  } catch (error) {
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
