import type { OutputSelection } from '../config.js';
import { type ModelOutputs, type ModelWeights, swinFace } from '../model.js';
import type { HostTensor } from '../tensor.js';
import { isHostTensor, mapWeights } from '../weights/assemble.js';
import { ReferenceOps } from './ops.js';
import { type ReferenceTensor, toReference } from './tensor.js';

export { erf } from './erf.js';
export { ReferenceOps } from './ops.js';
export { generate, type ReferenceTensor, toReference } from './tensor.js';

/**
 * The whole network in float64.
 *
 * @param image RGB in [-1, 1], [B, 3, 112, 112]
 */
export function runReference(
  selection: OutputSelection,
  weights: ModelWeights<HostTensor>,
  image: HostTensor,
): ModelOutputs<ReferenceTensor> {
  return swinFace(new ReferenceOps(), selection, mapWeights(weights, isHostTensor, toReference), toReference(image));
}
