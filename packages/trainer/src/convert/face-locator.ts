/** The networks that find faces, as the files that a page loads. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { WeightsInvalidError, writeSafetensors } from '@swinface/core';
import { MEDIAPIPE_SOURCES, type MediaPipeNetwork, mediaPipeWeights } from './mediapipe.js';

const require = createRequire(import.meta.url);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The TFLite model of one of MediaPipe's networks, from its npm package.
 *
 * @throws {WeightsInvalidError} if the package has another file than the one this is written for
 */
export async function mediaPipeFile(network: MediaPipeNetwork): Promise<Uint8Array> {
  const source = MEDIAPIPE_SOURCES[network];
  const folder = dirname(require.resolve(`${source.package}/package.json`));
  const file = await readFile(join(folder, source.file));
  const model = 'part' in source ? file.subarray(...source.part) : file;
  const actual = sha256(model);
  if (actual === source.sha256) return model;
  throw new WeightsInvalidError(`${source.package} has another ${source.file} than expected.`, {
    expected: `SHA-256 ${source.sha256}`,
    actual,
    hint: 'Install the version that the package.json of the trainer names.',
  });
}

/**
 * Converts MediaPipe's detectors and mesh to shards of float16, which they are stored in already, and their manifest.
 *
 * @returns contents by file name; the manifest is `face-locator.json`
 */
export async function convertFaceLocator(): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const networks: Record<string, object> = {};
  for (const network of Object.keys(MEDIAPIPE_SOURCES) as MediaPipeNetwork[]) {
    const { package: source, sha256: digest } = MEDIAPIPE_SOURCES[network];
    const shard = writeSafetensors(mediaPipeWeights(network, await mediaPipeFile(network)), () => 'F16');
    const hash = sha256(shard);
    const file = `${network}-${hash.slice(0, 8)}.safetensors`;
    files.set(file, shard);
    networks[network] = { file, bytes: shard.length, sha256: hash, source: { package: source, sha256: digest } };
  }
  const manifest = { format: 'swinface-networks', version: 1, licence: 'Apache-2.0', networks };
  return files.set('face-locator.json', new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`));
}
