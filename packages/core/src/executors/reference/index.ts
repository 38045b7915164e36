import { arrange, type Network, pick, type WeightMap } from '../../networks/network.js';
import type { HostTensor } from '../../tensor.js';
import { ReferenceOps } from './ops.js';
import { type ReferenceTensor, toReference } from './tensor.js';

export { erf } from './erf.js';
export { ReferenceOps } from './ops.js';
export { generate, type ReferenceTensor, toReference } from './tensor.js';

/**
 * A whole network in float64.
 *
 * @param weights by checkpoint name
 * @param image RGB in [-1, 1], [B, channels, height, width]
 * @returns its outputs by name
 * @throws {WeightsInvalidError} if a tensor is missing or misshapen
 */
export function runReference(
  network: Network,
  weights: WeightMap,
  image: HostTensor,
): Readonly<Record<string, ReferenceTensor>> {
  const wide = new Map([...arrange(network, weights)].map(([path, tensor]) => [path, toReference(tensor)]));
  return network.forward(new ReferenceOps(), (path) => pick(wide, path), toReference(image));
}
