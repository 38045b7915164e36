export type { BackendOptions, TfjsBackend, WasmPaths } from './backend.js';
export { TfjsEngine, type TfjsEngineOptions } from './engine.js';
export { TfjsOps } from './ops.js';
