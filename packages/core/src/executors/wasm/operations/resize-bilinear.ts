import type { FusedResizeBilinear } from '../../../graph/fused.js';
import { type Lowering, strideOf } from '../lowering.js';

/** Bilinear resizing of a token map. */
export function resizeBilinear(fused: FusedResizeBilinear, lowering: Lowering): void {
  const { label, x, y, from, to } = fused;
  const source = lowering.value(x);
  const target = lowering.bind(y);
  const channels = strideOf(x);
  lowering.step(label, 16 * to[0] * to[1] * channels, (at) => ({
    op: 'resizeBilinear',
    args: [at(source), at(target), ...from, channels, ...to],
    items: to[0],
  }));
}
