export { FaceAnalyzer } from './analyzer.js';
export type * from './types.js';
