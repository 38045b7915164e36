import type { WeightMap } from '../../networks/network.js';
import type { Manifest } from '../manifest-types.js';
import { type Delivery, type OpenModelOptions, type ReadModelOptions, RemoteModel } from './remote-model.js';

/** Checked weights and their passport. */
export interface LoadedModel {
  readonly manifest: Manifest;
  /** By checkpoint name; where outputs were chosen, at least the tensors that those need. */
  readonly weights: WeightMap;
  /** Absent where the files were not fetched. */
  readonly delivery?: Delivery;
}

/** Options of {@link fetchModel}. */
export type FetchModelOptions = OpenModelOptions & ReadModelOptions;

/**
 * Fetches a manifest and the shards beside it, and checks all of it: sizes, SHA-256, shapes, finiteness. What was
 * checked is kept in the browser's Cache Storage (`MODEL_CACHE`): the next visit asks the server only whether the manifest
 * changed, and works without a server too. Broken downloads are taken up where they broke.
 *
 * All weights are then in memory as float32; {@link RemoteModel} hands them out as they arrive.
 *
 * @throws {ModelDownloadError} if a file cannot be fetched or is something else (an HTML error page, say)
 * @throws {WeightsInvalidError} if a file came but cannot be trusted
 * @throws {InvalidInputError} if the address or an output's name is not usable
 * @throws the signal's reason once it aborts; shards that were complete by then are kept
 */
export async function fetchModel(url: string | URL, options: FetchModelOptions = {}): Promise<LoadedModel> {
  const model = await RemoteModel.open(url, options);
  const weights = await model.load(options);
  return { manifest: model.manifest, weights, delivery: model.delivery };
}
