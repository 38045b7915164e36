import { InvalidInputError, ModelDownloadError, WeightsInvalidError } from '../errors.js';
import type { WeightMap } from './assemble.js';
import { parseManifest } from './manifest.js';
import type { Manifest, ManifestShard } from './manifest-types.js';
import { readWeights } from './read.js';

/** Bytes of weights received so far, and in all. */
export interface LoadProgress {
  readonly loaded: number;
  readonly total: number;
}

/** Checked weights and their passport. */
export interface LoadedModel {
  readonly manifest: Manifest;
  readonly weights: WeightMap;
}

/** A manifest is a few tens of kilobytes; more than this is something else. */
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;

/**
 * Fetches a manifest and the shards beside it, and checks all of it: sizes, SHA-256, shapes, finiteness.
 *
 * @throws {ModelDownloadError} if a file cannot be fetched or is something else (an HTML error page, say)
 * @throws {WeightsInvalidError} if a file came but cannot be trusted
 */
export async function fetchModel(
  url: string | URL,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: LoadProgress) => void } = {},
): Promise<LoadedModel> {
  const address = manifestAddress(url);
  const body = await download(address, MAX_MANIFEST_BYTES, signal);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new ModelDownloadError(`${address.href} is not a model manifest.`, {
      expected: 'JSON',
      actual: preview(body),
      hint: 'Check that the address is right and that the server does not answer missing files with a page.',
      cause,
    });
  }
  const manifest = parseManifest(json);
  const total = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = 0;
  const readShard = (shard: ManifestShard) =>
    download(new URL(shard.file, address), shard.bytes, signal, (bytes) => {
      loaded += bytes;
      onProgress?.({ loaded, total });
    });
  return { manifest, weights: await readWeights(manifest, readShard) };
}

function manifestAddress(url: string | URL): URL {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (cause) {
    throw new InvalidInputError('The model address is not a URL.', {
      expected: 'the address of a manifest, such as "/models/swinface-nano.json"',
      actual: JSON.stringify(String(url)),
      cause,
    });
  }
}

/** The body of a response, refused as soon as it is longer than `limit` bytes. */
async function download(
  url: URL,
  limit: number,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<Uint8Array> {
  const failed = (message: string, cause?: unknown) =>
    new ModelDownloadError(`${url.href} could not be loaded: ${message}.`, {
      hint: 'Check the address and the connection, then try again.',
      cause,
    });
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw failed('the request failed', cause);
  }
  if (!response.ok || !response.body)
    throw failed(`the server answered ${response.status} ${response.statusText}`.trim());
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    await response.body.cancel();
    throw failed('the server answered with an HTML page');
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > limit) {
        await reader.cancel();
        throw new WeightsInvalidError(`${url.href} is longer than it should be.`, {
          expected: `at most ${limit} bytes`,
          actual: 'more',
        });
      }
      chunks.push(value);
      onBytes?.(value.length);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof WeightsInvalidError) throw cause;
    throw failed('the connection broke', cause);
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

const preview = (body: Uint8Array): string => JSON.stringify(new TextDecoder().decode(body.subarray(0, 60)));
