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
export { parseManifest } from './manifest.js';
export type {
  DType,
  Manifest,
  ManifestCalibration,
  ManifestCrop,
  ManifestQuantization,
  ManifestRecognisability,
  ManifestShard,
  ManifestTensor,
  OperatingPoint,
  OperatingPointMeasured,
  QuantizationEffect,
  ShareInterval,
} from './manifest-types.js';
export { type ModelPassport, type PackedModel, packModel, packShards } from './pack.js';
export { dequantizeRows, type QuantizedTensor, quantizeRows, storedAs } from './quantized.js';
export { readWeights, type StoredWeights } from './read.js';
export { parseSafetensors, type StoredTensor, writeSafetensors } from './safetensors.js';
export { planShards } from './shards.js';
export { sha256 } from './verify.js';
