import { WeightsInvalidError } from '../errors.js';
import type { HostTensor } from '../tensor.js';
import type { WeightMap } from './assemble.js';
import { parseManifest } from './manifest.js';
import type { DType, Manifest, ManifestShard, ManifestTensor } from './manifest-types.js';
import { tensorShapes } from './names.js';
import { storedAs, storedBytes } from './quantized.js';
import { sha256 } from './read.js';
import { writeSafetensors } from './safetensors.js';
import { planShards } from './shards.js';

/** What a manifest says beyond its files. */
export type ModelPassport = Omit<Manifest, 'format' | 'version' | 'shards' | 'tensors'>;

/** A manifest and the shards beside it, ready to be written or served. */
export interface PackedModel {
  readonly manifest: Manifest;
  /** Contents by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Packs weights into shards named by their hashes, and their manifest, laid out so that a page loads only the shards that its
 * outputs need.
 *
 * @param name start of the shards' file names
 * @param dtype storage type of the matrices; vectors are float32, and int8 leaves some small matrices in float16
 * @throws {WeightsInvalidError} if a tensor is missing, cannot be stored in that type, or the passport does not fit the network
 */
export async function packModel(
  name: string,
  passport: ModelPassport,
  weights: WeightMap,
  dtype: DType,
): Promise<PackedModel> {
  const shapes = tensorShapes(passport.config);
  const stored = (tensor: string): DType => storedAs(tensor, shapes.get(tensor) ?? [], dtype);
  const shards: ManifestShard[] = [];
  const files = new Map<string, Uint8Array>();
  const placed = new Map<string, number>();
  for (const names of planShards(passport.config, (tensor, shape) => storedBytes(shape, stored(tensor)))) {
    const tensors = new Map<string, HostTensor>();
    for (const tensor of names) {
      const found = weights.get(tensor);
      if (!found) throw new WeightsInvalidError(`The tensor ${tensor} is missing.`);
      refuseUnstorable(tensor, found, stored(tensor));
      tensors.set(tensor, found);
      placed.set(tensor, shards.length);
    }
    const bytes = writeSafetensors(tensors, stored);
    const digest = await sha256(bytes);
    const file = `${name}-${digest.slice(0, 8)}.safetensors`;
    shards.push({ file, bytes: bytes.length, sha256: digest });
    files.set(file, bytes);
  }
  const tensors: Record<string, ManifestTensor> = {};
  for (const [tensor, shape] of shapes) {
    tensors[tensor] = { dtype: stored(tensor), shape, shard: placed.get(tensor) ?? 0 };
  }
  return { manifest: parseManifest({ format: 'swinface', version: 1, ...passport, shards, tensors }), files };
}

/** The largest number that rounds to a finite float16. */
const MAX_F16 = 65519.996;

/** @throws {WeightsInvalidError} naming a tensor that its storage type cannot hold */
function refuseUnstorable(name: string, { data }: HostTensor, dtype: DType): void {
  const limit = dtype === 'F16' ? MAX_F16 : Number.MAX_VALUE;
  const bad = data.findIndex((value) => !(Math.abs(value) <= limit));
  if (bad < 0) return;
  throw new WeightsInvalidError(`The tensor ${name} cannot be stored as ${dtype}.`, {
    expected: dtype === 'F16' ? 'values within 65504' : 'finite values',
    actual: `${data[bad]} at ${bad}`,
  });
}
