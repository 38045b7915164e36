import type { FusedPyramidMax } from '../../../graph/fused.js';
import { pyramidBlocks } from '../../../ops.js';
import { type Lowering, strideOf, widthOf } from '../lowering.js';
import { integers } from '../panels.js';

/** Maxima over a pyramid of blocks. */
export function pyramidMax({ label, x, y, sides, levels }: FusedPyramidMax, lowering: Lowering): void {
  const from = lowering.value(x);
  const to = lowering.bind(y);
  const blocks = pyramidBlocks(sides, levels);
  const corners = integers(
    lowering.layout,
    blocks.flatMap(({ top, bottom, left, right }) => [top, bottom, left, right]),
  );
  const [height, width] = sides;
  lowering.step(label, 4 * height * width * levels * strideOf(x), (at) => ({
    op: 'pyramidMax',
    args: [at(from), at(to), height, width, widthOf(x), blocks.length, at(corners), strideOf(y)],
    items: blocks.length,
  }));
}
