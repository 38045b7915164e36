import { TfjsEngine } from '@swinface/core/tfjs';
import type { Backend, BackendInput } from './backend.js';
import { openCpuBackend } from './cpu-backend.js';

/** The networks on TensorFlow.js in plain JavaScript, for where there is not even WebAssembly. */
export const openTfjsBackend = (input: BackendInput): Promise<Backend> =>
  openCpuBackend('tfjs', input, (engine) => TfjsEngine.create({ backend: 'cpu', ...engine }));
