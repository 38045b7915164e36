export { FaceAnalyzer } from './analyzer.js';
export type { EngineKind } from './backend.js';
export type * from './types.js';
