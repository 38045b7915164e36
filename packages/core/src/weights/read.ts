import { UnsupportedDeviceError, WeightsInvalidError } from '../errors.js';
import type { HostTensor } from '../tensor.js';
import type { WeightMap } from './assemble.js';
import type { Manifest, ManifestShard } from './manifest-types.js';
import { decodeTensor, parseSafetensors } from './safetensors.js';

/**
 * Reads and checks the shards of a manifest from anywhere.
 *
 * @param readShard gives the file's bytes
 * @throws {WeightsInvalidError} naming the shard or the tensor
 */
export async function readWeights(
  manifest: Manifest,
  readShard: (shard: ManifestShard) => Promise<Uint8Array>,
): Promise<WeightMap> {
  const shards = await Promise.all(
    manifest.shards.map(async (shard, index) => {
      const file = await readShard(shard);
      await verifyShard(shard, file);
      return readTensors(manifest, index, file);
    }),
  );
  return new Map(shards.flatMap((tensors) => [...tensors]));
}

/**
 * Checks and widens every tensor that the manifest places in one shard.
 *
 * @param index of the shard in the manifest
 * @param file its verified bytes
 * @throws {WeightsInvalidError} naming the shard or the tensor
 */
export function readTensors(manifest: Manifest, index: number, file: Uint8Array): WeightMap {
  const fileName = manifest.shards[index]?.file;
  const stored = parseSafetensors(file, fileName);
  for (const name of stored.keys()) {
    if (manifest.tensors[name]?.shard !== index) {
      throw new WeightsInvalidError(`${fileName} holds ${name}, which the manifest does not list there.`);
    }
  }
  const weights = new Map<string, HostTensor>();
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
    const tensor = decodeTensor(found);
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new WeightsInvalidError(`The tensor ${name} holds ${tensor.data[bad]} at ${bad}.`);
    if (name.endsWith('running_var') && tensor.data.some((value) => value < 0)) {
      throw new WeightsInvalidError(`The tensor ${name} holds a negative variance.`);
    }
    weights.set(name, tensor);
  }
  return weights;
}

/** Lower-case hexadecimal SHA-256. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) {
    throw new UnsupportedDeviceError('This page cannot verify model files: it has no WebCrypto.', {
      hint: 'Serve it over https or from localhost.',
    });
  }
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Checks a shard's size and hash.
 *
 * @throws {WeightsInvalidError} if the file is not the one that the manifest names
 */
export async function verifyShard(shard: ManifestShard, file: Uint8Array): Promise<void> {
  const damage = await findDamage(shard, file);
  if (damage) throw damage;
}

/** As {@link verifyShard}, for callers who can get the file again. */
export async function findDamage(shard: ManifestShard, file: Uint8Array): Promise<WeightsInvalidError | undefined> {
  if (file.length !== shard.bytes) {
    return new WeightsInvalidError(`${shard.file} has the wrong size.`, {
      expected: `${shard.bytes} bytes`,
      actual: `${file.length}`,
    });
  }
  const digest = await sha256(file);
  if (digest === shard.sha256) return undefined;
  return new WeightsInvalidError(`${shard.file} was changed or damaged: its SHA-256 is not the manifest's.`, {
    expected: shard.sha256,
    actual: digest,
  });
}
