import { type HostTensor, type ModelPassport, packShards } from '@swinface/core';
import type { StagedFiles } from '../files/durable.js';

/**
 * Writes weights as pages load them: float32 shards named by their hash and, last, `BASE.json`.
 *
 * @throws {WeightsInvalidError} if the passport does not fit the network
 */
export async function writeModel(
  files: StagedFiles,
  base: string,
  passport: Omit<ModelPassport, 'id'>,
  read: (name: string) => Promise<HostTensor>,
): Promise<void> {
  const manifest = await packShards(base, passport, read, 'F32', (file, bytes) => files.add(file, bytes));
  await files.add(`${base}.json`, `${JSON.stringify(manifest, null, 1)}\n`);
}
