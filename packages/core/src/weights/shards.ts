import { requireInput } from '@swinface/geometry';
import { type ModelConfig, selectOutputs } from '../config.js';
import { networkOf } from '../networks/index.js';

/** From here on a shard ends where a part of the network ends; below, a request costs more than the bytes it saves. */
const ENOUGH_BYTES = 1.5 * 2 ** 20;
/** No shard is larger, unless a single tensor is. */
const MAX_SHARD_BYTES = 16 * 2 ** 20;

/**
 * Which tensors go into one file together, in order: the trunk that everything needs first, then the recognition head,
 * then subnet by subnet, so that a page which does not ask for an output does not fetch its file. A file holds at most 16 MiB, and
 * small parts share one.
 *
 * @param bytesOf size of a tensor as it is stored
 * @returns every tensor of the network exactly once
 * @throws {InvalidInputError} unless these are a config and a function
 */
export function planShards(
  config: ModelConfig,
  bytesOf: (tensor: string, shape: readonly number[]) => number,
): readonly (readonly string[])[] {
  requireInput(typeof bytesOf === 'function', 'The argument "bytesOf"', 'a function', bytesOf);
  const network = networkOf(selectOutputs(config));
  const shapes = network.tensors;
  const parts = new Map<string, string[]>();
  for (const tensor of shapes.keys()) {
    const part = network.partOf(tensor);
    const members = parts.get(part);
    if (members) members.push(tensor);
    else parts.set(part, [tensor]);
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
