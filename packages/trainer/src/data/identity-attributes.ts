import { at } from '@swinface/core/internal';
import { ATTRIBUTE_TASKS, softmaxTargets } from './labels.js';
import type { FaceSample } from './samples.js';

/**
 * p(attribute | identity) [identities, 40], counted: the mean label of the identity's faces for each of
 * {@link ATTRIBUTE_TASKS}; NaN where none of them has one.
 *
 * @param faces training faces alone, so that no held-out label reaches the training
 * @param identities class of each identity
 */
export function identityAttributes(
  faces: Iterable<FaceSample>,
  identities: ReadonlyMap<string, number>,
): Float32Array<ArrayBuffer> {
  const width = ATTRIBUTE_TASKS.length;
  const sums = new Float32Array(identities.size * width);
  const counts = new Float32Array(identities.size * width);
  for (const face of faces) {
    const identity = face.identity === undefined ? undefined : identities.get(face.identity);
    if (identity === undefined) continue;
    const targets = softmaxTargets(face);
    ATTRIBUTE_TASKS.forEach((task, column) => {
      const yes = targets.get(task)?.[1];
      if (yes === undefined) return;
      const place = identity * width + column;
      sums[place] = at(sums, place) + yes;
      counts[place] = at(counts, place) + 1;
    });
  }
  return sums.map((sum, place) => sum / at(counts, place));
}
