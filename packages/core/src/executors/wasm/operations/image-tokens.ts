import type { FusedImageTokens } from '../../../graph/fused.js';
import { type Lowering, strideOf } from '../lowering.js';

/** A picture's planes as tokens. */
export function imageTokens({ label, x, y }: FusedImageTokens, lowering: Lowering): void {
  const from = lowering.value(x);
  const to = lowering.bind(y);
  const [, colours = 0, height = 0, width = 0] = x.shape;
  lowering.step(label, 4 * height * width * colours, (at) => ({
    op: 'imageTokens',
    args: [at(from), at(to), colours, height, width, strideOf(x)],
    items: height,
  }));
}
