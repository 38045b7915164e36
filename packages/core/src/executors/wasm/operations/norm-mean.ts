import type { FusedNormMean } from '../../../graph/fused.js';
import { type Lowering, multipleOfFour } from '../lowering.js';
import { floats } from '../panels.js';

/** LayerNorm of every token, then their mean. */
export function normMean({ label, x: tokenMap, y: mean, layerNorm }: FusedNormMean, lowering: Lowering): void {
  const x = lowering.value(tokenMap);
  const y = lowering.bind(mean);
  const [, tokens = 0, width = 0] = tokenMap.shape;
  multipleOfFour(width, label);
  const scale = floats(lowering.layout, layerNorm.weight.data);
  const shift = floats(lowering.layout, layerNorm.bias.data);
  lowering.step(
    label,
    8 * tokens * width,
    (at) => ({ op: 'normMean', args: [at(x), at(y), tokens, width, at(scale), at(shift)], items: 1 }),
    4 * width,
  );
}
