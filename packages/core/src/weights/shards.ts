import { type ModelConfig, placedTasks } from '../config.js';
import { tensorShapes } from './names.js';

/** From here on a shard ends where a part of the network ends; below, a request costs more than the bytes it saves. */
const ENOUGH_BYTES = 1.5 * 2 ** 20;
/** No shard is larger, unless a single tensor is. */
const MAX_SHARD_BYTES = 16 * 2 ** 20;

/** Parts that are wanted or not wanted as a whole: the trunk, the recognition head, each subnet with its tasks. */
function partOf(config: ModelConfig): (tensor: string) => string {
  const subnetOfTask = new Map(placedTasks(config).map(({ index, subnet }) => [String(index), subnet]));
  return (tensor) => {
    const [group, , index] = tensor.split('.');
    if (group === 'backbone') return /^backbone\.(norm|feature)\./.test(tensor) ? 'recognition' : 'trunk';
    return `subnet ${group === 'om' ? subnetOfTask.get(index ?? '') : index}`;
  };
}

/**
 * Which tensors go into one file together, in order: the trunk that everything needs first, then the recognition head,
 * then subnet by subnet, so that outputs nobody asks for lie in files nobody fetches. A file holds at most 16 MiB, and
 * small parts share one.
 *
 * @param bytesOf size of a tensor as it is stored
 * @returns every tensor of the network exactly once
 */
export function planShards(
  config: ModelConfig,
  bytesOf: (tensor: string, shape: readonly number[]) => number,
): readonly (readonly string[])[] {
  const part = partOf(config);
  const parts = new Map<string, string[]>();
  const shapes = tensorShapes(config);
  for (const tensor of shapes.keys()) {
    const members = parts.get(part(tensor));
    if (members) members.push(tensor);
    else parts.set(part(tensor), [tensor]);
  }
  const shards: string[][] = [];
  let shard: string[] = [];
  let size = 0;
  const close = () => {
    if (shard.length > 0) shards.push(shard);
    shard = [];
    size = 0;
  };
  for (const tensors of parts.values()) {
    if (size >= ENOUGH_BYTES) close();
    for (const tensor of tensors) {
      const bytes = bytesOf(tensor, shapes.get(tensor) ?? []);
      if (size + bytes > MAX_SHARD_BYTES) close();
      shard.push(tensor);
      size += bytes;
    }
  }
  close();
  return shards;
}
