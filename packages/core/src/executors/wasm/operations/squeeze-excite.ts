import type { FusedSqueezeExcite } from '../../../graph/fused.js';
import { type Lowering, strideOf, widthOf } from '../lowering.js';
import { paddedBias, paddedRows, transposed } from '../panels.js';

/** Squeeze and excite, in three steps: means over tokens, factors made of them, tokens times factors. */
export function squeezeExcite({ label, x, y, weights }: FusedSqueezeExcite, lowering: Lowering): void {
  const { reduce, expand } = weights;
  const { layout, capacity } = lowering;
  const [, tokens = 0] = x.shape;
  const [hidden = 0] = reduce.weight.shape;
  const width = widthOf(x);
  const channels = strideOf(x);
  const from = lowering.value(x);
  const to = lowering.bind(y);
  const factors = layout.activation(4 * capacity * channels);
  const weight1 = paddedRows(layout, reduce.weight.data, width);
  const bias1 = paddedBias(layout, reduce.bias, hidden);
  const weight2 = paddedRows(layout, transposed(expand.weight), width);
  const bias2 = paddedBias(layout, expand.bias, width);
  lowering.step(`${label}.mean`, 4 * tokens * channels, (at) => ({
    op: 'meanTokens',
    args: [at(from), at(factors), tokens, channels],
    items: 1,
  }));
  lowering.step(
    label,
    4 * hidden * channels,
    (at) => ({
      op: 'excite',
      args: [at(factors), channels, hidden, at(weight1), at(bias1), at(weight2), at(bias2)],
      items: 1,
    }),
    4 * channels,
  );
  lowering.step(`${label}.scale`, 4 * tokens * channels, (at) => ({
    op: 'scale',
    args: [at(from), at(factors), at(to), tokens, channels],
    items: tokens,
  }));
  layout.release(factors);
}
