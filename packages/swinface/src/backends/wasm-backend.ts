import { WasmEngine } from '@swinface/core/wasm';
import type { Backend, BackendInput } from './backend.js';
import { openCpuBackend } from './cpu-backend.js';

/** The networks on WebAssembly. */
export const openWasmBackend = (input: BackendInput): Promise<Backend> =>
  openCpuBackend('wasm', input, (engine) => WasmEngine.create(engine));
