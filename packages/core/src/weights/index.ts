export { assembleWeights, isHostTensor, mapWeights, type WeightMap } from './assemble.js';
export { type FetchModelOptions, fetchModel, type LoadedModel } from './delivery/fetch-model.js';
export { MODEL_CACHE } from './delivery/model-cache.js';
export {
  type Delivery,
  type LoadProgress,
  type OpenModelOptions,
  type ReadModelOptions,
  RemoteModel,
} from './delivery/remote-model.js';
export { decodeFloat16 } from './float16.js';
export { foldWeights } from './fold.js';
export { parseManifest } from './manifest.js';
export type {
  DType,
  Manifest,
  ManifestCalibration,
  ManifestCrop,
  ManifestQuantisation,
  ManifestShard,
  ManifestTensor,
  OperatingPoint,
  QuantisationEffect,
} from './manifest-types.js';
export { tensorShapes } from './names.js';
export { type ModelPassport, type PackedModel, packModel, packShards } from './pack.js';
export { dequantizeRows, type QuantizedTensor, quantizeRows, storedAs } from './quantized.js';
export { readWeights, type StoredWeights, sha256 } from './read.js';
export { parseSafetensors, type StoredTensor, writeSafetensors } from './safetensors.js';
export { planShards } from './shards.js';
