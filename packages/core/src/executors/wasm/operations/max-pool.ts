import type { FusedMaxPool } from '../../../graph/fused.js';
import { windowedSides } from '../../../ops.js';
import { type Lowering, strideOf } from '../lowering.js';

/** Maxima over sliding windows. */
export function maxPool({ label, x, y, geometry }: FusedMaxPool, lowering: Lowering): void {
  const from = lowering.value(x);
  const to = lowering.bind(y);
  const [height, width] = geometry.sides;
  const [kernelHeight, kernelWidth] = geometry.kernel;
  const { top, left } = geometry.padding;
  const [down, across] = windowedSides(geometry);
  const channels = strideOf(x);
  lowering.step(label, 4 * down * across * kernelHeight * kernelWidth * channels, (at) => ({
    op: 'maxPool',
    args: [
      at(from),
      at(to),
      height,
      width,
      channels,
      down,
      across,
      kernelHeight,
      kernelWidth,
      geometry.stride,
      top,
      left,
    ],
    items: down,
  }));
}
