import { exportOnnx } from '@swinface/core/onnx';
import type * as Ort from 'onnxruntime-web';
import type { Contestant } from './engine.js';

/** Each provider in the smallest build that has it, served as published. */
const BUILDS = { wasm: 'ort.wasm.min.mjs', webgpu: 'ort.webgpu.min.mjs' } as const;

/** onnxruntime-web on our ONNX export. */
export const onnxruntime = (id: string, provider: keyof typeof BUILDS): Contestant => ({
  id,
  async open({ network, weights, threads }) {
    const address = `/ort/${BUILDS[provider]}`;
    const ort = (await import(/* @vite-ignore */ address)) as typeof Ort;
    ort.env.wasm.wasmPaths = '/ort/';
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'error';
    const model = exportOnnx(network.folded, weights, { batch: 'dynamic' });
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
    });
    const { channels, height, width } = network.input;
    const on = provider === 'wasm' ? `WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : 'WebGPU';
    return {
      description: `onnxruntime-web ${ort.env.versions.web ?? ''} (${on})`,
      async run(images, count) {
        const image = new ort.Tensor('float32', images, [count, channels, height, width]);
        const results = Object.entries(await session.run({ image }));
        const read = results.map(async ([name, tensor]) => [name, (await tensor.getData()) as Float32Array] as const);
        const outputs = Object.fromEntries(await Promise.all(read));
        for (const [, tensor] of results) tensor.dispose();
        return outputs;
      },
      dispose: () => session.release(),
    };
  },
});
