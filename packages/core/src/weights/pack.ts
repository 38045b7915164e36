import { WeightsInvalidError } from '../errors.js';
import type { HostTensor } from '../tensor.js';
import type { WeightMap } from './assemble.js';
import { parseManifest } from './manifest.js';
import type { DType, Manifest, ManifestTensor } from './manifest-types.js';
import { tensorShapes } from './names.js';
import { sha256 } from './read.js';
import { writeSafetensors } from './safetensors.js';

/** What a manifest says beyond its files. */
export type ModelPassport = Omit<Manifest, 'format' | 'version' | 'shards' | 'tensors'>;

/** A manifest and the shard beside it, ready to be written or served. */
export interface PackedModel {
  readonly manifest: Manifest;
  /** Contents by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Packs weights into one shard, named by its hash, and its manifest.
 *
 * @param name start of the shard's file name
 * @throws {WeightsInvalidError} if a tensor is missing or the passport does not fit the network
 */
export async function packModel(
  name: string,
  passport: ModelPassport,
  weights: WeightMap,
  dtype: DType,
): Promise<PackedModel> {
  const ordered = new Map<string, HostTensor>();
  const tensors: Record<string, ManifestTensor> = {};
  for (const [tensor, shape] of tensorShapes(passport.config)) {
    const found = weights.get(tensor);
    if (!found) throw new WeightsInvalidError(`The tensor ${tensor} is missing.`);
    ordered.set(tensor, found);
    tensors[tensor] = { dtype, shape, shard: 0 };
  }
  const bytes = writeSafetensors(ordered, dtype);
  const digest = await sha256(bytes);
  const file = `${name}-${digest.slice(0, 8)}.safetensors`;
  const manifest = parseManifest({
    format: 'swinface',
    version: 1,
    ...passport,
    shards: [{ file, bytes: bytes.length, sha256: digest }],
    tensors,
  });
  return { manifest, files: new Map([[file, bytes]]) };
}
