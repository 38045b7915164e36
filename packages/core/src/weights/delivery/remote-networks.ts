import { WeightsInvalidError } from '../../errors.js';
import type { Network, WeightMap } from '../../networks/network.js';
import { type NetworkFiles, parseNetworkFiles, readNetworkFile } from '../network-files.js';
import { hashing } from '../verify.js';
import { keptOrFetched, keptOrFetchedManifest, manifestJson } from './kept.js';
import { ModelCache } from './model-cache.js';

/** Options of {@link RemoteNetworks.open}. */
export interface OpenNetworksOptions {
  /** False keeps nothing in the browser's Cache Storage, and looks for nothing there. Default true. */
  readonly cache?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What to do where a file cannot be had; ends the errors that say so. */
  readonly hint?: string | undefined;
}

/**
 * Networks that belong together, whose manifest is here and whose files are read one by one: the first time over the
 * network, later from the browser's Cache Storage, where verified files are kept by their hash.
 */
export class RemoteNetworks {
  readonly files: NetworkFiles;
  readonly #address: URL;
  readonly #text: string;
  readonly #offline: boolean;
  readonly #cache: ModelCache | undefined;
  readonly #options: OpenNetworksOptions;

  private constructor(
    address: URL,
    { text, offline }: { readonly text: string; readonly offline: boolean },
    cache: ModelCache | undefined,
    options: OpenNetworksOptions,
  ) {
    this.files = parseNetworkFiles(manifestJson(address, text));
    this.#address = address;
    this.#text = text;
    this.#offline = offline;
    this.#cache = cache;
    this.#options = options;
    cache?.begin(
      address.href,
      Object.values(this.files.networks).map(({ sha256 }) => sha256),
    );
  }

  /**
   * Fetches and checks the manifest: the server's, or that of the last visit where the server cannot be asked.
   *
   * @throws {ModelDownloadError} if it cannot be fetched or is something else
   * @throws {WeightsInvalidError} if it came but cannot be trusted
   * @throws {UnsupportedDeviceError} on a page that is not a secure context, where nothing can be verified
   * @throws the signal's reason once it aborts
   */
  static async open(address: URL, options: OpenNetworksOptions = {}): Promise<RemoteNetworks> {
    hashing();
    const { cache, signal, hint } = options;
    signal?.throwIfAborted();
    const kept = cache === false ? undefined : await ModelCache.open();
    const manifest = await keptOrFetchedManifest(kept, address, signal, hint);
    return new RemoteNetworks(address, manifest, kept, options);
  }

  /**
   * A network's weights, checked completely (size, SHA-256, shapes, finiteness).
   *
   * @throws {ModelDownloadError} if its file cannot be fetched
   * @throws {WeightsInvalidError} if there is no such file, or it cannot be trusted
   * @throws the signal's reason once it aborts
   */
  async read(network: Network): Promise<WeightMap> {
    const expected = this.files.networks[network.name];
    if (!expected) throw new WeightsInvalidError(`${this.#address} names no file of the network ${network.name}.`);
    const url = new URL(expected.file, this.#address);
    const { file, isNew } = await keptOrFetched(this.#cache, url, expected, this.#options);
    const weights = await readNetworkFile(network, expected, file);
    if (isNew) await this.#cache?.storeShard(expected.sha256, file);
    return weights;
  }

  /** Keeps the manifest for the next visit. To be called once every file that this visit needs was read. */
  async keep(): Promise<void> {
    if (!this.#offline) await this.#cache?.complete(this.#address.href, this.#text);
  }
}
