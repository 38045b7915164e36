import type { FusedChannelAttentionPool } from '../../../graph/fused.js';
import { type Lowering, multipleOfFour } from '../lowering.js';
import { biasOrZeros, floats, transposed } from '../panels.js';

/** Channel attention, ReLU and maximum over the tokens. */
export function channelAttentionPool(fused: FusedChannelAttentionPool, lowering: Lowering): void {
  const { label, x: maps, y: pooled, weights } = fused;
  const { fc1, fc2 } = weights;
  const { layout, capacity } = lowering;
  const x = lowering.value(maps);
  const y = lowering.bind(pooled);
  const [subnets = 1, , tokens = 0, width = 0] = maps.shape;
  const [, hidden = 0] = fc1.weight.shape;
  multipleOfFour(width, label);
  const weight1 = floats(layout, fc1.weight.data);
  const bias1 = biasOrZeros(layout, fc1.bias, subnets * hidden);
  const weight2 = floats(layout, transposed(fc2.weight));
  const bias2 = biasOrZeros(layout, fc2.bias, subnets * width);
  lowering.step(
    label,
    subnets * width * (2 * tokens + 8 * hidden),
    (at) => ({
      op: 'channelAttentionPool',
      args: [at(x), at(y), subnets, tokens, width, hidden, capacity, at(weight1), at(bias1), at(weight2), at(bias2)],
      items: subnets,
    }),
    4 * (3 * width + hidden),
  );
}
