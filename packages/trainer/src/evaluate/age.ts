import { bootstrapMean, type Estimate, mean } from './statistics.js';

/** How far apparent ages are from the labels, in years. */
export interface AgeReport {
  readonly meanAbsoluteError: Estimate;
  readonly meanSquaredError: number;
  /** Mean of prediction minus label. */
  readonly bias: number;
  /** Entry i is CS(i): the share with an absolute error below i years, i = 0 .. 20. */
  readonly cumulativeScore: readonly number[];
  /** Mean of 1 - exp(-error^2 / (2 sigma^2)): sigma is the label's own where it has one, else {@link EPSILON_SIGMA}. */
  readonly epsilonError: number;
  /** Share of labels that came with a sigma of their own. */
  readonly ownSigma: number;
  /** Share of labels inside the interval that came with the prediction; absent where none came. */
  readonly intervalCoverage?: number;
}

/** Standard deviation of the age labels that epsilon-error assumes where none is given, in years. */
export const EPSILON_SIGMA = 3;

/** One judged face. */
export interface AgeAnswer {
  readonly label: number;
  /** Standard deviation of the label in years, where it is known. */
  readonly sigma?: number;
  readonly years: number;
  readonly low?: number;
  readonly high?: number;
}

/** Compares predicted with labelled ages. */
export function ageReport(answers: readonly AgeAnswer[]): AgeReport {
  const errors = answers.map(({ label, years }) => years - label);
  const absolute = errors.map(Math.abs);
  const ranged = answers.filter(({ low, high }) => low !== undefined && high !== undefined);
  const covered = ranged.filter(({ label, low = 0, high = 0 }) => label >= low && label <= high).length;
  return {
    meanAbsoluteError: bootstrapMean(absolute),
    meanSquaredError: mean(errors.map((e) => e * e)),
    bias: mean(errors),
    cumulativeScore: Array.from({ length: 21 }, (_, i) => absolute.filter((e) => e < i).length / absolute.length),
    epsilonError: mean(
      answers.map(
        ({ label, years, sigma = EPSILON_SIGMA }) => 1 - Math.exp(-((years - label) ** 2) / (2 * sigma ** 2)),
      ),
    ),
    ownSigma: answers.filter(({ sigma }) => sigma !== undefined).length / answers.length,
    ...(ranged.length > 0 ? { intervalCoverage: covered / ranged.length } : {}),
  };
}
