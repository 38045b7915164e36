export { assembleWeights, isHostTensor, mapWeights, type WeightMap } from './assemble.js';
export { foldWeights } from './fold.js';
export type {
  DType,
  Manifest,
  ManifestCalibration,
  ManifestCrop,
  ManifestShard,
  ManifestTensor,
  OperatingPoint,
} from './manifest-types.js';
export { tensorShapes } from './names.js';
