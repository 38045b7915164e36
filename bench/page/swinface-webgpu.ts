import { sizeOf } from '@swinface/core';
import { requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import { type Contestant, type EngineInput, Skipped } from './engine.js';

/** How the engine keeps its weights on the GPU. */
type Storage = 'f32' | 'f16' | 'int8';

/** Bytes per weight above which an engine has not stored them as asked; biases and scales may stay float32. */
const MOST_BYTES: Readonly<Record<Storage, number>> = { f32: Number.POSITIVE_INFINITY, f16: 3, int8: 2 };

/** This engine on WebGPU. */
export const swinfaceWebGpu = (id: string, storage: Storage): Contestant => ({
  id,
  async open({ network, weights, maxFaces, onUploaded }) {
    const { device } = await requestDevice();
    const onProgress = (fraction: number) => {
      if (fraction === 1) onUploaded();
    };
    const options = { device, network, weights, maxFaces, onProgress, storage };
    const engine = await WebGpuEngine.compile(options);
    const dispose = () => {
      engine.dispose();
      device.destroy();
    };
    const perWeight = engine.statistics.weightBytes / countWeights(network);
    if (perWeight > MOST_BYTES[storage]) {
      dispose();
      throw new Skipped(`the engine has no ${storage} storage: it holds ${perWeight.toFixed(1)} bytes per weight`);
    }
    return {
      description: `${engine.description}, weights in ${storage}`,
      run: (images, count) => engine.run(images, count),
      bytes: () => engine.statistics.bytesAlive,
      ...(device.features.has('timestamp-query') ? { profile: (count) => engine.profile(count) } : {}),
      dispose,
    };
  },
});

/** Numbers that a network's weights have at inference. */
const countWeights = ({ folded }: EngineInput['network']): number =>
  [...folded.weights.values()].reduce((count, { shape }) => count + sizeOf(shape), 0);
