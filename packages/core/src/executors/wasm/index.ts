export { WasmEngine, type WasmEngineOptions } from './engine.js';
