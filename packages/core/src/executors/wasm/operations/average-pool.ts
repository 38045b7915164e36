import type { FusedAveragePool } from '../../../graph/fused.js';
import { type Lowering, strideOf } from '../lowering.js';

/** Means over squares of a token map. */
export function averagePool(fused: FusedAveragePool, lowering: Lowering): void {
  const { label, x: map, y: pooled, size, factor } = fused;
  const x = lowering.value(map);
  const y = lowering.bind(pooled);
  const [, tokens = 0] = pooled.shape;
  const width = strideOf(pooled);
  lowering.step(label, tokens * width * factor ** 2, (at) => ({
    op: 'averagePool',
    args: [at(x), at(y), size, factor, width],
    items: tokens,
  }));
}
