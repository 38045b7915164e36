import type { OutputSelection } from '../config.js';
import { networkOf } from '../networks/index.js';
import type { Manifest, ManifestShard } from './manifest-types.js';

/** A shard with its place in the manifest. */
export interface PlacedShard {
  readonly shard: ManifestShard;
  readonly index: number;
}

/** The shards that hold a tensor which these outputs need, in the manifest's order. */
export function neededShards({ shards, tensors }: Manifest, selection: OutputSelection): readonly PlacedShard[] {
  const needed = new Set([...networkOf(selection).tensors.keys()].map((name) => tensors[name]?.shard));
  return shards.map((shard, index) => ({ shard, index })).filter(({ index }) => needed.has(index));
}
