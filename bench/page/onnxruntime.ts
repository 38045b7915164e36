import { exportOnnx } from '@swinface/core/onnx';
import type * as Ort from 'onnxruntime-web';
import type { Contestant } from './engine.js';

/** Each provider in the smallest build that has it, served as published. */
const BUILDS = { wasm: 'ort.wasm.min.mjs', webgpu: 'ort.webgpu.min.mjs' } as const;

/** onnxruntime-web on our ONNX export. */
export const onnxruntime = (id: string, provider: keyof typeof BUILDS): Contestant => ({
  id,
  async open({ selection, weights, threads }) {
    const address = `/ort/${BUILDS[provider]}`;
    const ort = (await import(/* @vite-ignore */ address)) as typeof Ort;
    ort.env.wasm.wasmPaths = '/ort/';
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'error';
    const model = exportOnnx(selection, weights, { batch: 'dynamic' });
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
    });
    const { image } = selection.config;
    const on = provider === 'wasm' ? `WASM, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : 'WebGPU';
    return {
      description: `onnxruntime-web ${ort.env.versions.web ?? ''} (${on})`,
      async run(images, count) {
        const results = await session.run({ image: new ort.Tensor('float32', images, [count, 3, image, image]) });
        const read = async (name: string) => (await results[name]?.getData()) as Float32Array;
        const [embeddings, logits] = await Promise.all([read('embedding'), read('logits')]);
        for (const tensor of Object.values(results)) tensor.dispose();
        return { count, embeddings, logits };
      },
      dispose: () => session.release(),
    };
  },
});
