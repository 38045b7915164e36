/** Accuracy of "same or different" with a threshold found on other pairs than those judged. */
export interface FoldAccuracy {
  readonly accuracy: number;
  /** Standard error of the mean over folds. */
  readonly standardError: number;
  /** Mean of the folds' thresholds. */
  readonly threshold: number;
  readonly pairs: number;
}

/** One point of the trade-off between the two errors. */
export interface RocPoint {
  readonly threshold: number;
  /** Share of different pairs at or above the threshold. */
  readonly falseMatchRate: number;
  /** Share of same pairs below the threshold. */
  readonly falseNonMatchRate: number;
}

/** Inner product of rows i and j of `rows` [N, dims]: the cosine when rows have length one. */
export function rowSimilarity(rows: Float32Array, dims: number, i: number, j: number): number {
  let sum = 0;
  for (let d = 0; d < dims; d++) sum += (rows[i * dims + d] ?? 0) * (rows[j * dims + d] ?? 0);
  return sum;
}

interface Scored {
  readonly similarity: number;
  readonly same: boolean;
}

/** The threshold with the most right answers: midway between neighbouring similarities, the lowest such where several tie. */
export function bestThreshold(pairs: readonly Scored[]): number {
  const sorted = [...pairs].sort((p, q) => p.similarity - q.similarity);
  let right = sorted.filter(({ same }) => same).length;
  let [best, threshold] = [right, (sorted[0]?.similarity ?? 0) - 1e-6];
  for (const [i, { similarity, same }] of sorted.entries()) {
    right += same ? -1 : 1;
    const next = sorted[i + 1]?.similarity ?? similarity + 2e-6;
    if (right > best && next > similarity) {
      best = right;
      threshold = (similarity + next) / 2;
    }
  }
  return threshold;
}

/** Accuracy per fold with the threshold of the remaining folds, averaged (the protocol of LFW). */
export function foldAccuracy(pairs: readonly (Scored & { readonly fold: number })[]): FoldAccuracy {
  const folds = [...new Set(pairs.map(({ fold }) => fold))];
  const results = folds.map((fold) => {
    const others = pairs.filter((pair) => pair.fold !== fold);
    const threshold = bestThreshold(others.length > 0 ? others : pairs);
    const judged = pairs.filter((pair) => pair.fold === fold);
    const right = judged.filter(({ similarity, same }) => similarity >= threshold === same).length;
    return { accuracy: right / judged.length, threshold };
  });
  const n = results.length;
  const mean = (pick: (result: { accuracy: number; threshold: number }) => number) =>
    results.reduce((sum, result) => sum + pick(result) / n, 0);
  const accuracy = mean((result) => result.accuracy);
  const variance = n > 1 ? (mean((result) => (result.accuracy - accuracy) ** 2) * n) / (n - 1) : 0;
  return {
    accuracy,
    standardError: Math.sqrt(variance / Math.max(1, n)),
    threshold: mean((result) => result.threshold),
    pairs: pairs.length,
  };
}

/**
 * The error trade-off at every similarity that occurs.
 *
 * @param genuine similarities of same pairs; sorted in place.
 * @param impostor similarities of different pairs; sorted in place.
 * @param points at most this many, evenly spread over the false match rate's logarithm and over the thresholds.
 */
export function roc(genuine: Float32Array, impostor: Float32Array, points = 200): RocPoint[] {
  genuine.sort();
  impostor.sort();
  const thresholds = new Set<number>();
  for (let k = 0; k < points / 2; k++) {
    const rank = Math.round(impostor.length ** (1 - k / (points / 2 - 1)));
    thresholds.add(impostor[impostor.length - rank] ?? 0);
    thresholds.add(genuine[Math.floor((k / (points / 2)) * genuine.length)] ?? 0);
  }
  return [...thresholds].sort((a, b) => a - b).map((threshold) => errorRates(genuine, impostor, threshold));
}

/** Number of values in a sorted array that are below `limit`. */
function countBelow(sorted: Float32Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Both error rates at a threshold; the arrays are sorted. */
export function errorRates(genuine: Float32Array, impostor: Float32Array, threshold: number): RocPoint {
  return {
    threshold,
    falseMatchRate: 1 - countBelow(impostor, threshold) / impostor.length,
    falseNonMatchRate: countBelow(genuine, threshold) / genuine.length,
  };
}

/** Errors at a wanted false match rate. */
export interface RatePoint extends RocPoint {
  /** The rate asked for; `falseMatchRate` is the one reached, at most this. */
  readonly target: number;
}

/**
 * The lowest thresholds that keep the false match rate at or below each target. Targets that too few different pairs support
 * (fewer than ten expected errors) are left out.
 */
export function rateTable(genuine: Float32Array, impostor: Float32Array, targets: readonly number[]): RatePoint[] {
  genuine.sort();
  impostor.sort();
  return targets
    .filter((target) => impostor.length * target >= 10)
    .map((target) => {
      const allowed = Math.floor(impostor.length * target);
      // Just above the highest similarity that must not match.
      const barrier = impostor[impostor.length - 1 - allowed] ?? -1;
      const above = impostor[Math.min(impostor.length - 1, countBelow(impostor, barrier + 1e-7))] ?? barrier;
      const threshold = above > barrier ? (above + barrier) / 2 : barrier + 1e-6;
      return { target, ...errorRates(genuine, impostor, threshold) };
    });
}
