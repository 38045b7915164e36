import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { requireNumbers } from '@swinface/geometry';
import { requireOptions, requireVector } from '../checked.js';
import { firstNonFinite } from '../numeric.js';

/** How strongly a {@link OneEuroFilter} smooths. */
export interface OneEuroOptions {
  /** Cutoff in Hz at rest: lower holds still things stiller. Default 1. */
  readonly minCutoff?: number;
  /** Hz of cutoff gained per unit of speed: higher follows quick moves closer. Default 0. */
  readonly beta?: number;
  /** Cutoff in Hz of the speed itself. Default 1, as in the paper. */
  readonly derivativeCutoff?: number;
}

/**
 * The One Euro filter (Casiez, Roussel, Vogel: "1€ Filter", CHI 2012): a low-pass filter whose cutoff rises with speed,
 * so that what rests does not tremble and what moves does not lag. Each number is filtered by itself.
 *
 * @example
 * const filter = new OneEuroFilter({ minCutoff: 1, beta: 10 });
 * const [x, y] = filter.update([rawX, rawY], seconds, faceWidth);
 */
export class OneEuroFilter {
  readonly #minCutoff: number;
  readonly #beta: number;
  readonly #derivativeCutoff: number;
  #values: Float64Array | undefined;
  #speeds = new Float64Array(0);
  #time = 0;

  /** @throws {InvalidInputError} if a cutoff is not above 0, or `beta` below 0 */
  constructor(options: OneEuroOptions = {}) {
    requireOptions(options);
    const { minCutoff = 1, beta = 0, derivativeCutoff = 1 } = options as OneEuroOptions;
    requireNumbers('The option of a filter', { minCutoff, beta, derivativeCutoff }, [
      'minCutoff',
      'beta',
      'derivativeCutoff',
    ]);
    if (!(minCutoff > 0 && derivativeCutoff > 0 && beta >= 0)) {
      throw new InvalidInputError('A One Euro filter cannot work with these options.', {
        expected: 'cutoffs above 0 and a beta of at least 0',
        actual: `minCutoff ${minCutoff}, beta ${beta}, derivativeCutoff ${derivativeCutoff}`,
      });
    }
    this.#minCutoff = minCutoff;
    this.#beta = beta;
    this.#derivativeCutoff = derivativeCutoff;
  }

  /**
   * The smoothed values at `time`; the first ones, and those at the time of the last ones, come back as the state is.
   *
   * @param values a scalar as [x], points as [x0, y0, x1, y1 ...]; always as many
   * @param time in seconds, never less than before
   * @param scale length that counts as 1 in the speed, e.g. a face's width, so that near and far faces are smoothed alike
   * @throws {InvalidInputError} if a value is not finite, their number changes, time runs backwards, or scale is not above 0
   */
  update(values: ArrayLike<number>, time: number, scale = 1): Float64Array {
    requireVector('values', values);
    requireNumbers('The time of a frame', { time, scale }, ['time', 'scale']);
    const last = this.#values;
    const bad = firstNonFinite(values);
    if (bad >= 0 || (last && last.length !== values.length)) {
      throw new InvalidInputError('A One Euro filter cannot use these values.', {
        expected: last ? `${last.length} finite numbers` : 'finite numbers',
        actual: bad >= 0 ? `${values[bad]} at ${bad}` : `${values.length}`,
      });
    }
    if (!Number.isFinite(time) || (last && time < this.#time) || !(scale > 0)) {
      throw new InvalidInputError('A One Euro filter cannot use this time or scale.', {
        expected: `seconds${last ? ` from ${this.#time}` : ''}, a scale above 0`,
        actual: `time ${time}, scale ${scale}`,
      });
    }
    const elapsed = time - this.#time;
    this.#time = time;
    if (!last) {
      this.#values = Float64Array.from(values);
      this.#speeds = new Float64Array(values.length);
    } else if (elapsed > 0) {
      const speedShare = shareOfNew(this.#derivativeCutoff, elapsed);
      for (let i = 0; i < last.length; i++) {
        const [old, value] = [at(last, i), at(values, i)];
        const oldSpeed = at(this.#speeds, i);
        const speed = oldSpeed + speedShare * ((value - old) / elapsed - oldSpeed);
        this.#speeds[i] = speed;
        last[i] = old + shareOfNew(this.#minCutoff + this.#beta * Math.abs(speed / scale), elapsed) * (value - old);
      }
    }
    return Float64Array.from(this.#values ?? []);
  }
}

/** Weight of a new sample in a first-order low-pass filter: 1 / (1 + tau / elapsed) with tau = 1 / (2 pi cutoff). */
const shareOfNew = (cutoff: number, elapsed: number): number => 1 / (1 + 1 / (2 * Math.PI * cutoff * elapsed));
