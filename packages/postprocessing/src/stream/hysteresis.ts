import { at } from '@swinface/core/internal';
import { argmax } from '../numeric.js';

/** Share of the way from a threshold to the nearer end of 0..1 that an answer must go beyond it to change. */
const YES_MARGIN = 0.2;
/** Probability by which another label must lead to take over. */
const LABEL_MARGIN = 0.1;

/**
 * A yes/no answer that does not flicker: it changes only clearly beyond the threshold.
 *
 * @param before the last answer, if there is one
 */
export function steadyAnswer(yes: number, threshold: number, before: boolean | undefined): boolean {
  if (before === undefined) return yes >= threshold;
  const margin = YES_MARGIN * Math.min(threshold, 1 - threshold);
  return yes >= threshold + (before ? -margin : margin);
}

/**
 * Index of a label that does not flicker: the likeliest takes over only by a clear lead.
 *
 * @param before the last index, if there is one
 */
export function steadyLabel(probabilities: readonly number[], before: number | undefined): number {
  const best = argmax(probabilities);
  const old = before === undefined ? undefined : probabilities[before];
  if (before === undefined || old === undefined) return best;
  return at(probabilities, best) - old > LABEL_MARGIN ? best : before;
}
