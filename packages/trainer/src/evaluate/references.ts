import type { DatasetReport } from './dataset-report.js';

/** A figure beside those of libraries in wide use. */
export interface Comparison {
  readonly what: string;
  /** Measured here: a share, or years for ages. */
  readonly value: number;
  readonly unit: 'share' | 'years';
  /** What this project set itself to reach. */
  readonly goal: number;
  readonly reached: boolean;
  /** Same measure by library, measured with their own crops on other faces of the same set. */
  readonly others: Readonly<Record<string, number>>;
}

interface Reference {
  readonly set: RegExp;
  readonly what: string;
  readonly unit: 'share' | 'years';
  readonly goal: number;
  readonly others: Readonly<Record<string, number>>;
  readonly value: (report: DatasetReport) => number | undefined;
}

const HUMAN = '@vladmandic/human 3.3.6';
const FACE_API = '@vladmandic/face-api 1.7.15';

const REFERENCES: readonly Reference[] = [
  {
    set: /^lfw/,
    what: 'verification accuracy',
    unit: 'share',
    goal: 0.96,
    others: { [HUMAN]: 0.941, [FACE_API]: 0.982 },
    value: ({ verification }) => verification?.pairs?.accuracy,
  },
  {
    set: /^utkface/,
    what: 'age, mean absolute error',
    unit: 'years',
    goal: 5.8,
    others: { [HUMAN]: 9.1, [`${FACE_API} (trained on this set)`]: 5.2 },
    value: ({ age }) => age?.meanAbsoluteError.value,
  },
  {
    set: /^utkface/,
    what: 'gender accuracy',
    unit: 'share',
    goal: 0.94,
    others: { [HUMAN]: 0.844, [`${FACE_API} (trained on this set)`]: 0.947 },
    value: ({ gender }) => gender?.accuracy.value,
  },
  {
    set: /^ferplus/,
    what: 'expression accuracy',
    unit: 'share',
    goal: 0.77,
    others: { [`${HUMAN} (best case)`]: 0.65, [FACE_API]: 0.64 },
    value: ({ expression }) => expression?.accuracy.value,
  },
  {
    set: /^celeba/,
    what: 'mean accuracy of 40 attributes',
    unit: 'share',
    goal: 0.885,
    others: {},
    value: ({ attributes }) => attributes?.accuracy,
  },
];

/** Sets the figures of a report beside the project's goals and other libraries, as far as both measured the same thing. */
export function comparisons(report: DatasetReport): Comparison[] {
  return REFERENCES.flatMap(({ set, value: pick, ...reference }) => {
    const value = set.test(report.name) ? pick(report) : undefined;
    if (value === undefined) return [];
    const reached = reference.unit === 'years' ? value <= reference.goal : value >= reference.goal;
    return [{ ...reference, value, reached }];
  });
}
