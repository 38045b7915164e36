import { at } from '../../at.js';
import { relativePositions, shiftMask, windowOrder } from '../../graph/windows.js';
import type { WindowAttentionShape } from '../../ops.js';
import type { HostTensor } from '../../tensor.js';
import { TILE_COLUMNS } from './steps.js';

/** What the padding columns of a row of scores hold: nothing after softmax. */
const NOTHING = -1e30;

/** What an attention kernel looks up. */
export interface AttentionTables {
  /** [variants][heads][w*w][w*w rounded up to 8]: position bias and mask. */
  readonly bias: Float32Array;
  /** [size*size], the raster token at each place of the partitioned map. */
  readonly order: readonly number[];
  /** [windows], the variant of the bias that a window takes: windows at the seams of the shift are masked. */
  readonly variants: readonly number[];
}

/** @param table [(2w-1)^2, heads] */
export function attentionTables(
  table: HostTensor,
  { size, window, heads, shift }: WindowAttentionShape,
): AttentionTables {
  const area = window ** 2;
  const across = size / window;
  const row = Math.ceil(area / TILE_COLUMNS) * TILE_COLUMNS;
  const mask = shift === 0 ? undefined : shiftMask(size, window, shift);
  // A window is masked by whether it is the last of its row and of its column.
  const kind = (index: number) =>
    shift === 0 ? 0 : 2 * Number(index >= across * (across - 1)) + Number(index % across === across - 1);
  const variants = Array.from({ length: across ** 2 }, (_, index) => kind(index));
  const count = Math.max(...variants) + 1;
  const positions = relativePositions(window);
  const bias = new Float32Array(count * heads * area * row).fill(NOTHING);
  for (let variant = 0; variant < count; variant++) {
    const example = variants.indexOf(variant);
    if (example < 0) continue;
    for (let head = 0; head < heads; head++) {
      for (let pair = 0; pair < area ** 2; pair++) {
        const place = ((variant * heads + head) * area + Math.floor(pair / area)) * row + (pair % area);
        const masked = mask ? at(mask, example * area ** 2 + pair) : 0;
        bias[place] = at(table.data, at(positions, pair) * heads + head) + masked;
      }
    }
  }
  return { bias, order: windowOrder(size, window, shift), variants };
}
