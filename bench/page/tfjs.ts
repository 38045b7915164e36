import { type TfjsBackend, TfjsEngine } from '@swinface/core/tfjs';

import * as tf from '@tensorflow/tfjs-core';
import type { Contestant } from './engine.js';

/** The same graph on TensorFlow.js. */
export const tfjs = (id: string, backend: TfjsBackend): Contestant => ({
  id,
  async open({ network, weights, maxFaces, threads }) {
    if (backend === 'wasm') {
      const { setThreadsCount } = await import('@tensorflow/tfjs-backend-wasm');
      setThreadsCount(threads);
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', threads > 1);
    }
    const before = tf.engine().state.numBytes;
    const engine = await TfjsEngine.create({ backend, network, weights, maxFaces, wasmPaths: '/tfjs/' });
    const bytes = tf.engine().state.numBytes - before;
    return {
      description: engine.description,
      run: (images, count) => engine.run(images, count),
      bytes: () => bytes,
      dispose: () => engine.dispose(),
    };
  },
});
