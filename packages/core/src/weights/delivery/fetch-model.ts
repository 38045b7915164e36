import { selectOutputs } from '../../config.js';
import { InvalidInputError, ModelDownloadError } from '../../errors.js';
import type { HostTensor } from '../../tensor.js';
import type { WeightMap } from '../assemble.js';
import { parseManifest } from '../manifest.js';
import type { Manifest, ManifestShard } from '../manifest-types.js';
import { findDamage, readTensors, verifyShard } from '../read.js';
import { forEachOf } from './concurrent.js';
import { download, downloadError, tryDownload } from './download.js';
import { ModelCache } from './model-cache.js';
import { neededShards } from './needed.js';

/** Bytes of weights here so far, whether fetched or kept from an earlier visit, and in all. */
export interface LoadProgress {
  readonly loaded: number;
  readonly total: number;
}

/** How a model's files came. */
export interface Delivery {
  /** Bytes of weights that crossed the network; 0 where all were kept from an earlier visit. */
  readonly fetched: number;
  /** Bytes of weights that were kept from an earlier visit. */
  readonly cached: number;
  /** True where the manifest, too, is from an earlier visit, because the server could not be asked. */
  readonly offline: boolean;
  /** Why nothing, or not all, is kept for the next visit; absent where it is. */
  readonly notKept?: string;
}

/** Checked weights and their passport. */
export interface LoadedModel {
  readonly manifest: Manifest;
  /** By checkpoint name; where outputs were chosen, at least the tensors that those need. */
  readonly weights: WeightMap;
  /** Absent where the files were not fetched. */
  readonly delivery?: Delivery;
}

/** What {@link fetchModel} may be told. */
export interface FetchModelOptions {
  /** Names of the outputs whose weights are wanted; files with nothing for them are not fetched. All by default. */
  readonly outputs?: readonly string[] | undefined;
  /** False keeps nothing in the browser's Cache Storage, and looks for nothing there. Default true. */
  readonly cache?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** A manifest is a few tens of kilobytes; more than this is something else. */
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;
/** How long to wait for a server's word, in milliseconds, when yesterday's copy of the manifest is at hand. */
const MANIFEST_PATIENCE = 5_000;
/** Shards on their way at once; bounds the memory for bytes that are not weights yet. */
const PARALLEL = 4;

/**
 * Fetches a manifest and the shards beside it, and checks all of it: sizes, SHA-256, shapes, finiteness. What was
 * checked is kept in the browser's Cache Storage (`MODEL_CACHE`): the next visit asks the server only whether the manifest
 * changed, and works without a server too. Broken downloads are taken up where they broke.
 *
 * @throws {ModelDownloadError} if a file cannot be fetched or is something else (an HTML error page, say)
 * @throws {WeightsInvalidError} if a file came but cannot be trusted
 * @throws {InvalidInputError} if the address or an output's name is not usable
 * @throws the signal's reason once it aborts; shards that were complete by then are kept
 */
export async function fetchModel(url: string | URL, options: FetchModelOptions = {}): Promise<LoadedModel> {
  const { outputs, signal, onProgress } = options;
  const address = manifestAddress(url);
  signal?.throwIfAborted();
  const cache = options.cache === false ? undefined : await ModelCache.open();
  const { text, offline } = await fetchManifest(address, cache, signal);
  const manifest = readManifest(address, text);
  const needed = neededShards(manifest, selectOutputs(manifest.config, outputs));
  cache?.begin(address.href, manifest);

  const received = needed.map(() => 0);
  const total = needed.reduce((sum, { shard }) => sum + shard.bytes, 0);
  let fetched = 0;
  const weights = new Map<string, HostTensor>();
  await forEachOf(needed, PARALLEL, signal, async ({ shard, index }, position, failed) => {
    const report = (bytes: number) => {
      const before = received[position] ?? 0;
      if (bytes <= before) return; // A shard that had to be begun again.
      received[position] = bytes;
      onProgress?.({ loaded: received.reduce((sum, part) => sum + part, 0), total });
    };
    const { file, isNew } = await fetchShard(shard, address, cache, failed, report);
    if (isNew) fetched += file.length;
    const kept = isNew ? cache?.storeShard(shard.sha256, file) : undefined;
    for (const [name, tensor] of readTensors(manifest, index, file)) weights.set(name, tensor);
    await kept;
  });
  if (!offline) await cache?.complete(address.href, text);
  const notKept = cache ? cache.problem : 'The caller wants nothing kept.';
  const delivery = { fetched, cached: total - fetched, offline, ...(notKept === undefined ? {} : { notKept }) };
  return { manifest, weights, delivery };
}

function manifestAddress(url: string | URL): URL {
  try {
    const address = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    address.hash = '';
    return address;
  } catch (cause) {
    throw new InvalidInputError('The model address is not a URL.', {
      expected: 'the address of a manifest, such as "/models/swinface-nano.json"',
      actual: JSON.stringify(String(url)),
      cause,
    });
  }
}

/** The server's manifest, or the kept one where the server cannot be asked. */
async function fetchManifest(
  address: URL,
  cache: ModelCache | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly text: string; readonly offline: boolean }> {
  const kept = await cache?.manifest(address.href);
  const result = await tryDownload(address, {
    limit: MAX_MANIFEST_BYTES,
    signal,
    cache: 'no-cache', // May come from the browser's HTTP cache, but only if the server says that it is still the same.
    ...(kept === undefined ? {} : { attempts: 1, patience: MANIFEST_PATIENCE }),
  });
  if (!(result instanceof Uint8Array)) {
    if (kept === undefined || !result.temporary) throw downloadError(address, result);
    return { text: kept, offline: true };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(result), offline: false };
  } catch (cause) {
    throw notAManifest(address, JSON.stringify(new TextDecoder().decode(result.subarray(0, 60))), cause);
  }
}

function readManifest(address: URL, text: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw notAManifest(address, JSON.stringify(text.slice(0, 60)), cause);
  }
  return parseManifest(json);
}

const notAManifest = (address: URL, actual: string, cause: unknown) =>
  new ModelDownloadError(`${address.href} is not a model manifest.`, {
    expected: 'JSON',
    actual,
    hint: 'Check that the address is right and that the server does not answer missing files with a page.',
    cause,
  });

/** A shard's verified bytes, from the cache or the network. */
async function fetchShard(
  shard: ManifestShard,
  address: URL,
  cache: ModelCache | undefined,
  signal: AbortSignal,
  onProgress: (received: number) => void,
): Promise<{ readonly file: Uint8Array; readonly isNew: boolean }> {
  const kept = await cache?.shard(shard.sha256);
  signal.throwIfAborted();
  if (kept) {
    if (!(await findDamage(shard, kept))) {
      onProgress(kept.length);
      return { file: kept, isNew: false };
    }
    await cache?.forgetShard(shard.sha256);
  }
  const { bytes } = shard;
  const fetchFile = (mode: RequestCache) =>
    download(new URL(shard.file, address), { limit: bytes, bytes, signal, cache: mode, onProgress });
  // What is kept by hash need not be kept a second time in the browser's HTTP cache.
  const file = await fetchFile(cache && cache.problem === undefined ? 'no-store' : 'default');
  if (!(await findDamage(shard, file))) return { file, isNew: true };
  // Once more past every cache: one on the way may hold a damaged copy, or parts of two versions may have met.
  const again = await fetchFile('reload');
  await verifyShard(shard, again);
  return { file: again, isNew: true };
}
