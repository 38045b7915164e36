import type { FusedMeanTokens } from '../../../graph/fused.js';
import { type Lowering, strideOf } from '../lowering.js';

/** The mean of all tokens. */
export function meanTokens({ label, x, y }: FusedMeanTokens, lowering: Lowering): void {
  const from = lowering.value(x);
  const to = lowering.bind(y);
  const [, tokens = 0] = x.shape;
  const channels = strideOf(x);
  lowering.step(label, 4 * tokens * channels, (at) => ({
    op: 'meanTokens',
    args: [at(from), at(to), tokens, channels],
    items: 1,
  }));
}
