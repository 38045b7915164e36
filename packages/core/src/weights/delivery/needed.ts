import type { OutputSelection } from '../../config.js';
import type { Manifest, ManifestShard } from '../manifest-types.js';
import { neededTensors } from '../names.js';

/** A shard with its place in the manifest. */
export interface PlacedShard {
  readonly shard: ManifestShard;
  readonly index: number;
}

/** The shards that hold a tensor which these outputs need, in the manifest's order. */
export function neededShards({ shards, tensors }: Manifest, selection: OutputSelection): readonly PlacedShard[] {
  const needed = new Set([...neededTensors(selection)].map((name) => tensors[name]?.shard));
  return shards.map((shard, index) => ({ shard, index })).filter(({ index }) => needed.has(index));
}
