export { decodeOutputs } from './decode.js';
export { Gallery } from './gallery.js';
export { type CompareOptions, compare, cosineSimilarity, match, operatingPoint } from './matching.js';
export { headPose, type PoseLandmarks } from './pose.js';
export type * from './types.js';
export { ATTRIBUTES, EXPRESSIONS } from './types.js';
