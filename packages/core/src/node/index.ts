import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isObject, requireInput } from '@swinface/geometry';
import { InvalidInputError } from '../errors.js';
import type { LoadedModel } from '../weights/delivery/fetch-model.js';
import { parseManifest } from '../weights/manifest.js';
import { readWeights } from '../weights/read.js';

/**
 * Reads a manifest and the shards beside it from disk: what `fetchModel` is in a browser, with the same checks.
 *
 * @param path of the manifest
 * @param options `outputs`: names of the outputs whose weights are wanted; shards with nothing for them are not read. All by default
 * @throws {InvalidInputError} if a file cannot be read or the manifest is not JSON, or an output's name is unknown
 * @throws {WeightsInvalidError} if a file does not hold what the manifest says
 *
 * @example
 * const analyzer = await FaceAnalyzer.create({ model: await readModelFile('models/swinface-mobile.json') });
 */
export async function readModelFile(
  path: string,
  options: { readonly outputs?: readonly string[] } = {},
): Promise<LoadedModel> {
  requireInput(typeof path === 'string', 'The argument "path"', "the path of a model's manifest", path);
  requireInput(isObject(options), 'The argument "options"', 'an object', options);
  const { outputs } = options as { readonly outputs?: readonly string[] };
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
  const readShard = ({ file }: { readonly file: string }) => {
    const shard = join(dirname(path), file);
    return readFile(shard).catch(unreadable(shard));
  };
  return { manifest, weights: await readWeights(manifest, readShard, outputs) };
}
