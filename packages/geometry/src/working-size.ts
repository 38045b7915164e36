import { requireInput } from './checks.js';

/** How large the working copy of a picture may be. */
export interface WorkingLimits {
  /** Longest side, pixels. */
  readonly maxSide?: number;
  /** Most pixels in all. */
  readonly maxPixels?: number;
}

/**
 * Size of the copy of a picture that crops are cut from: its own, or smaller in proportion where it is beyond the limits,
 * which bounds the memory that one picture takes. Coordinates stay those of the picture, see `cropSampling`.
 *
 * @throws {InvalidInputError} unless sizes and limits are above 0
 */
export function workingSize(
  width: number,
  height: number,
  limits: WorkingLimits = {},
): readonly [width: number, height: number] {
  requireInput(typeof limits === 'object' && limits !== null, 'The limits of a picture', 'an object', limits);
  const { maxSide = 8192, maxPixels = 40_000_000 } = limits;
  for (const [name, number] of Object.entries({ width, height, maxSide, maxPixels })) {
    requireInput(typeof number === 'number' && number > 0, `"${name}"`, 'a number above 0', number);
  }
  const scale = Math.min(1, maxSide / Math.max(width, height), Math.sqrt(maxPixels / (width * height)));
  return scale === 1
    ? [width, height]
    : [Math.max(1, Math.floor(width * scale)), Math.max(1, Math.floor(height * scale))];
}
