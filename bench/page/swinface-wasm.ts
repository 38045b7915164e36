import { WasmEngine } from '@swinface/core/wasm';
import type { Contestant } from './engine.js';

/** This engine on the CPU. */
export const swinfaceWasm: Contestant = {
  id: 'wasm',
  async open({ network, weights, maxFaces, threads }) {
    const engine = await WasmEngine.create({ network, weights, maxFaces, threads });
    return {
      description: engine.description,
      run: (images, count) => engine.run(images, count),
      bytes: () => engine.bytes,
      dispose: () => engine.dispose(),
    };
  },
};
