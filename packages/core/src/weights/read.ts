import { isBranded, isObject, requireInput } from '@swinface/geometry';
import { selectOutputs } from '../config.js';
import { WeightsInvalidError } from '../errors.js';
import type { WeightMap } from '../networks/network.js';
import { Pacer } from '../pacer.js';
import type { HostTensor } from '../tensor.js';
import { inOrder } from './in-order.js';
import type { Manifest, ManifestShard } from './manifest-types.js';
import { neededShards } from './needed.js';
import { decodeTensor, findUnbounded, parseSafetensors, type StoredTensor } from './safetensors.js';
import { verifyFile } from './verify.js';

/** Checked tensors by checkpoint name, as they are stored; widened when their numbers are needed. */
export type StoredWeights = ReadonlyMap<string, StoredTensor>;

/** Shards in memory at once while they are read. */
const PARALLEL = 4;

/**
 * Reads and checks the shards of a manifest from anywhere, a few at a time.
 *
 * @param readShard gives the file's bytes
 * @param outputs names of the outputs whose weights are wanted; shards with nothing for them are not read. All by default
 * @throws {WeightsInvalidError} naming the shard or the tensor
 * @throws {InvalidInputError} if an argument is not what its type says
 */
export async function readWeights(
  manifest: Manifest,
  readShard: (shard: ManifestShard) => Promise<Uint8Array>,
  outputs?: readonly string[],
): Promise<WeightMap> {
  const isManifest =
    isObject(manifest) &&
    isObject(manifest.tensors) &&
    Array.isArray(manifest.shards) &&
    manifest.shards.every(isObject);
  requireInput(isManifest, 'The argument "manifest"', 'what `parseManifest` gives', manifest);
  requireInput(typeof readShard === 'function', 'The argument "readShard"', 'a function', readShard);
  const needed = neededShards(manifest, selectOutputs(manifest.config, outputs));
  const shards = inOrder(needed, PARALLEL, undefined, async ({ shard, index }) => {
    const file = await readShard(shard);
    requireInput(isBranded(file, 'Uint8Array'), `What "readShard" gave for ${shard.file}`, 'a Uint8Array', file);
    await verifyFile(shard, file);
    return readStored(manifest, index, file);
  });
  return widen(shards);
}

/** All tensors of all parts as float32. */
export async function widen(parts: AsyncIterable<StoredWeights>): Promise<WeightMap> {
  const weights = new Map<string, HostTensor>();
  const pacer = new Pacer();
  for await (const part of parts) {
    for (const [name, stored] of part) {
      weights.set(name, decodeTensor(stored));
      await pacer.rest();
    }
  }
  return weights;
}

/**
 * Checks every tensor that the manifest places in one shard.
 *
 * @param index of the shard in the manifest
 * @param file its verified bytes, which the tensors are views of
 * @throws {WeightsInvalidError} naming the shard or the tensor
 */
export async function readStored(manifest: Manifest, index: number, file: Uint8Array): Promise<StoredWeights> {
  const fileName = manifest.shards[index]?.file;
  const pacer = new Pacer();
  const stored = parseSafetensors(file, fileName);
  for (const name of stored.keys()) {
    if (manifest.tensors[name]?.shard !== index) {
      throw new WeightsInvalidError(`${fileName} holds ${name}, which the manifest does not list there.`);
    }
  }
  for (const [name, listed] of Object.entries(manifest.tensors)) {
    if (listed.shard !== index) continue;
    const found = stored.get(name);
    if (!found) throw new WeightsInvalidError(`${fileName} lacks the tensor ${name}.`);
    if (found.dtype !== listed.dtype || found.shape.join() !== listed.shape.join()) {
      throw new WeightsInvalidError(`The tensor ${name} is not what the manifest says.`, {
        expected: `${listed.dtype} [${listed.shape.join(', ')}]`,
        actual: `${found.dtype} [${found.shape.join(', ')}]`,
      });
    }
    const bad = findUnbounded(found);
    if (bad) throw new WeightsInvalidError(`The tensor ${name} holds ${bad.value} at ${bad.at}.`);
    if (name.endsWith('running_var') && decodeTensor(found).data.some((value) => value < 0)) {
      throw new WeightsInvalidError(`The tensor ${name} holds a negative variance.`);
    }
    await pacer.rest();
  }
  return stored;
}
