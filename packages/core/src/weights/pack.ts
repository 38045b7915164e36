import { isBranded, isObject, requireInput } from '@swinface/geometry';
import { WeightsInvalidError } from '../errors.js';
import { tensorShapes } from '../networks/index.js';
import { pick, type WeightMap } from '../networks/network.js';
import { type HostTensor, requireTensor } from '../tensor.js';
import { parseManifest } from './manifest.js';
import type { DType, Manifest, ManifestShard, ManifestTensor } from './manifest-types.js';
import { requireDType, storedAs, storedBytes } from './quantized.js';
import { writeSafetensors } from './safetensors.js';
import { planShards } from './shards.js';
import { sha256 } from './verify.js';

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
 * @throws {InvalidInputError} if an argument is not what its type says
 */
export async function packModel(
  name: string,
  passport: ModelPassport,
  weights: WeightMap,
  dtype: DType,
): Promise<PackedModel> {
  requireInput(isBranded(weights, 'Map'), 'The argument "weights"', 'a Map of tensors by name', weights);
  const files = new Map<string, Uint8Array>();
  const read = async (tensor: string): Promise<HostTensor> => {
    const found = weights.get(tensor);
    if (!found) throw new WeightsInvalidError(`The tensor ${tensor} is missing.`);
    return found;
  };
  const manifest = await packShards(name, passport, read, dtype, async (file, bytes) => {
    files.set(file, bytes);
  });
  return { manifest, files };
}

/**
 * As {@link packModel}, for weights that are never in memory as a whole: one shard at a time is read and written.
 *
 * @param passport its `id` is `name` and a hash of all shards where it is left out
 * @throws {WeightsInvalidError} if a tensor cannot be stored in that type, or the passport does not fit the network
 * @throws {InvalidInputError} if an argument is not what its type says
 */
export async function packShards(
  name: string,
  passport: Omit<ModelPassport, 'id'> & Partial<Pick<ModelPassport, 'id'>>,
  read: (tensor: string) => Promise<HostTensor>,
  dtype: DType,
  write: (file: string, bytes: Uint8Array) => Promise<void>,
): Promise<Manifest> {
  requireInput(typeof name === 'string' && name !== '', 'The argument "name"', 'a start of file names', name);
  requireInput(isObject(passport), 'The argument "passport"', 'what a manifest says beyond its files', passport);
  requireInput(typeof read === 'function', 'The argument "read"', 'a function', read);
  requireInput(typeof write === 'function', 'The argument "write"', 'a function', write);
  requireDType(dtype);
  const shapes = tensorShapes(passport.config);
  const stored = (tensor: string): DType => storedAs(tensor, shapes.get(tensor) ?? [], dtype);
  const shards: ManifestShard[] = [];
  const placed = new Map<string, number>();
  for (const names of planShards(passport.config, (tensor, shape) => storedBytes(shape, stored(tensor)))) {
    const tensors = new Map<string, HostTensor>();
    for (const tensor of names) {
      const found = await read(tensor);
      requireTensor(found);
      refuseUnstorable(tensor, found, stored(tensor));
      tensors.set(tensor, found);
      placed.set(tensor, shards.length);
    }
    const bytes = writeSafetensors(tensors, stored);
    const digest = await sha256(bytes);
    const file = `${name}-${digest.slice(0, 8)}.safetensors`;
    await write(file, bytes);
    shards.push({ file, bytes: bytes.length, sha256: digest });
  }
  const tensors: Record<string, ManifestTensor> = {};
  for (const [tensor, shape] of shapes) {
    tensors[tensor] = { dtype: stored(tensor), shape, shard: pick(placed, tensor) };
  }
  const all = await sha256(new TextEncoder().encode(shards.map((shard) => shard.sha256).join()));
  const id = `${name}-${all.slice(0, 8)}`;
  return parseManifest({ format: 'swinface', version: 1, id, ...passport, shards, tensors });
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
