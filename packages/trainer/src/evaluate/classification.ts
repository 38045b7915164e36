import { at } from '@swinface/core/internal';
import { type Estimate, mean, share } from './statistics.js';

/** One judged answer of a classifier. */
export interface ClassAnswer {
  /** Index of the true class. */
  readonly label: number;
  readonly probabilities: readonly number[];
  /** The class answered; not always the likeliest, where a threshold was calibrated. */
  readonly answer: number;
}

/** How one group of answers of like confidence did. */
export interface ReliabilityBin {
  readonly count: number;
  /** Mean probability of the likeliest class. */
  readonly confidence: number;
  /** Share of faces whose likeliest class was right. */
  readonly accuracy: number;
}

/** What a classifier got right, and whether its probabilities mean what they say. */
export interface ClassReport {
  readonly labels: readonly string[];
  readonly accuracy: Estimate;
  /** Mean of the classes' recalls. */
  readonly balancedAccuracy: number;
  /** Row: true class; column: answer; counts. */
  readonly confusion: readonly (readonly number[])[];
  /** Expected calibration error over ten equal bins of confidence. */
  readonly calibrationError: number;
  readonly reliability: readonly ReliabilityBin[];
}

const BINS = 10;

/** Index of the largest value, the first of equals. */
export const argmax = (values: readonly number[]): number => values.indexOf(Math.max(...values));

/** Judges the answers of one classifier; classes without samples do not count towards balanced accuracy. */
export function classReport(labels: readonly string[], answers: readonly ClassAnswer[]): ClassReport {
  const confusion = labels.map(() => labels.map(() => 0));
  for (const { label, answer } of answers) {
    const row = confusion[label];
    if (row) row[answer] = at(row, answer) + 1;
  }
  const right = confusion.reduce((sum, row, i) => sum + at(row, i), 0);
  const recalls = confusion.flatMap((row, i) => {
    const total = row.reduce((sum, v) => sum + v, 0);
    return total > 0 ? [at(row, i) / total] : [];
  });
  const reliability = reliabilityBins(answers);
  const calibrationError = reliability.reduce(
    (sum, { count, confidence, accuracy }) => sum + (count / answers.length) * Math.abs(confidence - accuracy || 0),
    0,
  );
  return {
    labels,
    accuracy: share(right, answers.length),
    balancedAccuracy: mean(recalls),
    confusion,
    calibrationError,
    reliability,
  };
}

function reliabilityBins(answers: readonly ClassAnswer[]): ReliabilityBin[] {
  const bins = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { label, probabilities } of answers) {
    const likeliest = argmax(probabilities);
    const confidence = at(probabilities, likeliest);
    const bin = bins[Math.min(BINS - 1, Math.floor(confidence * BINS))];
    if (!bin) continue;
    bin.count++;
    bin.confidence += confidence;
    if (likeliest === label) bin.right++;
  }
  return bins.map(({ count, confidence, right }) => ({
    count,
    confidence: count > 0 ? confidence / count : 0,
    accuracy: count > 0 ? right / count : 0,
  }));
}

/** The 40 attributes together. */
export interface AttributesReport {
  readonly byAttribute: Readonly<Record<string, AttributeReport>>;
  /** Means over the attributes. */
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  /** Mean accuracy of always answering what most faces have: what a number must beat to say anything. */
  readonly majority: number;
  /** Faces judged. */
  readonly count: number;
}

/** One attribute. */
export interface AttributeReport {
  readonly accuracy: Estimate;
  readonly balancedAccuracy: number;
  /** Share of faces that have it. */
  readonly positive: number;
  readonly calibrationError: number;
}

/** Judges each attribute; `answers` by task name. */
export function attributesReport(answers: ReadonlyMap<string, readonly ClassAnswer[]>): AttributesReport {
  const entries = [...answers].map(([name, list]): [string, AttributeReport] => {
    const { accuracy, balancedAccuracy, calibrationError } = classReport(['no', 'yes'], list);
    const positive = list.filter(({ label }) => label === 1).length / list.length;
    return [name, { accuracy, balancedAccuracy, positive, calibrationError }];
  });
  return {
    byAttribute: Object.fromEntries(entries),
    accuracy: mean(entries.map(([, { accuracy }]) => accuracy.value)),
    balancedAccuracy: mean(entries.map(([, { balancedAccuracy }]) => balancedAccuracy)),
    majority: mean(entries.map(([, { positive }]) => Math.max(positive, 1 - positive))),
    count: Math.max(0, ...entries.map(([, { accuracy }]) => accuracy.count)),
  };
}
