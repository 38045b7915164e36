import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InvalidInputError, type LoadedModel, parseManifest, readWeights } from '@swinface/core';

/**
 * Reads a manifest and the shards beside it from disk, and checks both.
 *
 * @throws {InvalidInputError} if a file cannot be read
 * @throws {WeightsInvalidError} if a file does not hold what the manifest says
 */
export async function loadModel(path: string): Promise<LoadedModel> {
  const unreadable = (file: string) => (cause: unknown) => {
    throw new InvalidInputError(`${file} cannot be read.`, {
      expected: "a model's manifest and its shards beside it",
      cause,
    });
  };
  const text = await readFile(path, 'utf8').catch(unreadable(path));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InvalidInputError(`${path} is no manifest.`, { expected: 'JSON', actual: text.slice(0, 60), cause });
  }
  const manifest = parseManifest(json);
  const weights = await readWeights(manifest, ({ file }) => {
    const shard = join(dirname(path), file);
    return readFile(shard).catch(unreadable(shard));
  });
  return { manifest, weights };
}
