import type { Recipe } from '../recipe/recipe.js';

/** Share of a run that is done, 0 to 1. */
export function progressOf(length: Recipe['length'], step: number, elapsedMs: number): number {
  const share = 'steps' in length ? step / length.steps : elapsedMs / 60_000 / length.minutes;
  return Math.min(1, share);
}
