import { ageAnswers, genderAnswers, type JudgedFace } from './answers.js';
import { bootstrapMean, type Estimate, share } from './statistics.js';

/** How one group of people fares. */
export interface GroupReport {
  /** For instance "20-39", "female" or "60+ male asian". */
  readonly group: string;
  readonly faces: number;
  /** Mean absolute error in years. */
  readonly age?: Estimate;
  readonly genderAccuracy?: Estimate;
}

const BANDS: readonly (readonly [limit: number, name: string])[] = [
  [10, '0-9'],
  [20, '10-19'],
  [40, '20-39'],
  [60, '40-59'],
  [Number.POSITIVE_INFINITY, '60+'],
];

/** Name of the age band of an age in years. */
export const ageBand = (age: number): string => BANDS.find(([limit]) => age < limit)?.[1] ?? '';

/** Reports per age band, gender and race, then per combination of the three, as far as they are labelled. */
export function groupReports(faces: readonly JudgedFace[]): GroupReport[] {
  const factors = [
    ({ sample }: JudgedFace) => (sample.age === undefined ? undefined : ageBand(sample.age)),
    ({ sample }: JudgedFace) => sample.gender,
    ({ sample }: JudgedFace) => sample.race,
  ];
  const keys = [
    ...factors,
    (face: JudgedFace) =>
      factors
        .map((factor) => factor(face))
        .filter(Boolean)
        .join(' '),
  ];
  return keys.flatMap((key, k) => {
    const groups = new Map<string, JudgedFace[]>();
    for (const face of faces) {
      const name = key(face);
      // A combination of fewer than two labels would repeat a single factor.
      if (!name || (k === factors.length && !name.includes(' '))) continue;
      const group = groups.get(name);
      if (group) group.push(face);
      else groups.set(name, [face]);
    }
    return [...groups]
      .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .map(([group, list]) => report(group, list));
  });
}

function report(group: string, faces: readonly JudgedFace[]): GroupReport {
  const ages = ageAnswers(faces);
  const genders = genderAnswers(faces);
  const right = genders.filter(({ label, answer }) => label === answer).length;
  return {
    group,
    faces: faces.length,
    ...(ages.length > 0 ? { age: bootstrapMean(ages.map(({ label, years }) => Math.abs(years - label))) } : {}),
    ...(genders.length > 0 ? { genderAccuracy: share(right, genders.length) } : {}),
  };
}
