import {
  type HostTensor,
  type Manifest,
  type ManifestShard,
  type ManifestTensor,
  type ModelPassport,
  parseManifest,
  planShards,
  sha256,
  sizeOf,
  tensorShapes,
  writeSafetensors,
} from '@swinface/core';
import type { StagedFiles } from './staged-files.js';

/**
 * Writes weights as pages load them: float32 shards named by their hash and, last, `BASE.json`. One shard is in memory at
 * a time.
 *
 * @throws {WeightsInvalidError} if the passport does not fit the network
 */
export async function writeModel(
  files: StagedFiles,
  base: string,
  passport: Omit<ModelPassport, 'id'>,
  read: (name: string) => Promise<HostTensor>,
): Promise<Manifest> {
  const shards: ManifestShard[] = [];
  const place = new Map<string, number>();
  for (const names of planShards(passport.config, (_, shape) => 4 * sizeOf(shape))) {
    const tensors = new Map<string, HostTensor>();
    for (const name of names) {
      tensors.set(name, await read(name));
      place.set(name, shards.length);
    }
    const bytes = writeSafetensors(tensors, 'F32');
    const digest = await sha256(bytes);
    const file = `${base}-${digest.slice(0, 8)}.safetensors`;
    await files.add(file, (staged) => staged.write(bytes));
    shards.push({ file, bytes: bytes.length, sha256: digest });
  }
  const tensors: Record<string, ManifestTensor> = {};
  for (const [name, shape] of tensorShapes(passport.config)) {
    tensors[name] = { dtype: 'F32', shape, shard: place.get(name) ?? 0 };
  }
  const all = await sha256(new TextEncoder().encode(shards.map((shard) => shard.sha256).join()));
  const id = `${base}-${all.slice(0, 8)}`;
  const manifest = parseManifest({ format: 'swinface', version: 1, ...passport, id, shards, tensors });
  await files.add(`${base}.json`, (staged) =>
    staged.write(new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`)),
  );
  return manifest;
}
