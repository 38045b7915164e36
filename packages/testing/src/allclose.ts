export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
  readonly label?: string;
}

export interface Difference {
  readonly max: number;
  readonly index: number;
  /** How many elements break |a - b| <= atol + rtol |b|. */
  readonly outside: number;
}

/** Elementwise comparison; a NaN on either side counts as outside. */
export function difference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { atol, rtol }: Tolerance,
): Difference {
  let max = 0;
  let index = 0;
  let outside = 0;
  for (let i = 0; i < expected.length; i++) {
    const want = expected[i] as number;
    const gap = Math.abs((actual[i] as number) - want);
    if (!(gap <= atol + rtol * Math.abs(want))) outside++;
    if (gap > max || Number.isNaN(gap)) {
      max = gap;
      index = i;
      if (Number.isNaN(gap)) break;
    }
  }
  return { max, index, outside };
}

/** Throws unless every element satisfies |actual - expected| <= atol + rtol |expected|; the message names the worst one. */
export function expectAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
): Difference {
  const label = tolerance.label ?? 'values';
  if (actual.length !== expected.length) {
    throw new Error(`${label}: ${actual.length} elements, expected ${expected.length}`);
  }
  if (expected.length === 0) throw new Error(`${label}: nothing to compare`);
  const result = difference(actual, expected, tolerance);
  if (result.outside > 0 || Number.isNaN(result.max)) {
    throw new Error(
      `${label}: ${result.outside} of ${expected.length} elements outside ${tolerance.atol} + ${tolerance.rtol} |expected|; ` +
        `largest difference ${result.max} at ${result.index} (${actual[result.index]}, expected ${expected[result.index]})`,
    );
  }
  return result;
}

/** Cosine of the angle between two vectors. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += (a[i] as number) * (b[i] as number);
    aa += (a[i] as number) ** 2;
    bb += (b[i] as number) ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}
