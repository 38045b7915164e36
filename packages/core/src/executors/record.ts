import { type Node, RecordingOps } from '../graph/graph.js';
import { type Network, pick, type Recipe } from '../networks/network.js';
import type { HostTensor } from '../tensor.js';

/** A network as a graph. */
export interface Recorded {
  readonly input: Node;
  /** In the order of the network's outputs. */
  readonly outputs: readonly Node[];
}

/**
 * Records a network for a number of items.
 *
 * @param tensor gives the tensor of a weight, whose numbers need not be there yet
 */
export function record(
  network: Network,
  items: number,
  tensor: (path: string, recipe: Recipe) => HostTensor,
): Recorded {
  const ops = new RecordingOps();
  const { channels, height, width } = network.input;
  const input = ops.input([items, channels, height, width]);
  const constants = new Map(
    [...network.weights].map(([path, recipe]) => [path, ops.constant(tensor(path, recipe), path)]),
  );
  const results = network.forward(ops, (path) => pick(constants, path), input);
  return { input, outputs: network.outputs.map(({ name }) => pick(new Map(Object.entries(results)), name)) };
}
