import type { ManifestCalibration, OperatingPoint } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { softmaxTargets } from '../data/labels.js';
import { readDataset } from '../data/samples.js';
import { FALSE_MATCH_RATES, selectSplit } from './dataset-report.js';
import type { Predictions, Predictor } from './predict.js';
import { type Estimate, mean, quantile } from './statistics.js';
import { PairTable, strictestTable } from './strangers.js';

/** Logits of a softmax task on labelled faces. */
export interface LabelledLogits {
  /** [N, K]. */
  readonly logits: readonly (readonly number[])[];
  /** Distribution over the K labels per face. */
  readonly targets: readonly (readonly number[])[];
}

const FOLDS = 5;
/** Faces per point of the age intervals. */
const INTERVAL_FACES = 120;

/** log softmax(logits / temperature). */
function logSoftmax(logits: readonly number[], temperature: number): number[] {
  const scaled = logits.map((v) => v / temperature);
  const top = Math.max(...scaled);
  const norm = top + Math.log(scaled.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return scaled.map((v) => v - norm);
}

/** Mean cross-entropy of the labels at a temperature. */
export function crossEntropy({ logits, targets }: LabelledLogits, temperature: number): number {
  return mean(
    logits.map((row, n) => {
      const target = targets[n] ?? [];
      return -logSoftmax(row, temperature).reduce((sum, v, k) => sum + v * at(target, k), 0);
    }),
  );
}

/** The temperature with the least cross-entropy, from 0.1 to 10 (golden section over its logarithm). */
export function fitTemperature(labelled: LabelledLogits): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(0.1), Math.log(10)];
  const loss = (t: number) => crossEntropy(labelled, Math.exp(t));
  let [a, b] = [high - golden * (high - low), low + golden * (high - low)];
  let [fa, fb] = [loss(a), loss(b)];
  while (high - low > 1e-4) {
    if (fa < fb) {
      [high, b, fb] = [b, a, fa];
      a = high - golden * (high - low);
      fa = loss(a);
    } else {
      [low, a, fa] = [a, b, fb];
      b = low + golden * (high - low);
      fb = loss(b);
    }
  }
  return Math.exp((low + high) / 2);
}

interface Judged {
  readonly yes: number;
  readonly label: number;
}

const correct = (faces: readonly Judged[], threshold: number): number =>
  faces.filter(({ yes, label }) => yes >= threshold === (label === 1)).length;

function mostAccurate(faces: readonly Judged[]): number {
  const sorted = [...faces].sort((p, q) => p.yes - q.yes);
  let right = sorted.filter(({ label }) => label === 1).length;
  const candidates: { threshold: number; right: number }[] = [{ threshold: 0.5, right: correct(faces, 0.5) }];
  for (const [i, { yes, label }] of sorted.entries()) {
    right += label === 1 ? -1 : 1;
    const next = sorted[i + 1]?.yes ?? 1;
    if (next > yes) candidates.push({ threshold: (yes + next) / 2, right });
  }
  const best = Math.max(...candidates.map((candidate) => candidate.right));
  // A plateau of equally good thresholds: the one nearest to one half.
  const good = candidates.filter((candidate) => candidate.right === best).map(({ threshold }) => threshold);
  return good.reduce((kept, t) => (Math.abs(t - 0.5) < Math.abs(kept - 0.5) ? t : kept));
}

/**
 * The probability from which "yes" is most often right; 0.5 unless another threshold also wins on faces it was not fitted to
 * (five-fold), for with few "yes" among few faces the best threshold of the sample is mostly luck.
 */
export function fitThreshold(faces: readonly Judged[]): number {
  let [fitted, plain] = [0, 0];
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = faces.filter((_, i) => i % FOLDS === fold);
    fitted += correct(held, mostAccurate(faces.filter((_, i) => i % FOLDS !== fold)));
    plain += correct(held, 0.5);
  }
  return fitted > plain ? mostAccurate(faces) : 0.5;
}

/** Half-widths of the intervals that hold 80 % of the labels, by predicted age; ascending. */
export function fitAgeIntervals(
  answers: readonly { years: number; label: number }[],
): { age: number; halfWidth: number }[] {
  const sorted = [...answers].sort((p, q) => p.years - q.years);
  const parts = Math.floor(sorted.length / INTERVAL_FACES);
  const intervals: { age: number; halfWidth: number }[] = [];
  for (let part = 0; part < parts; part++) {
    const from = Math.floor((part * sorted.length) / parts);
    const group = sorted.slice(from, Math.floor(((part + 1) * sorted.length) / parts));
    const age = Math.max(0, mean(group.map(({ years }) => years)));
    if (age <= (intervals.at(-1)?.age ?? -1)) continue;
    intervals.push({
      age,
      halfWidth: quantile(
        group.map(({ years, label }) => Math.abs(years - label)),
        0.8,
      ),
    });
  }
  return intervals;
}

/** Collects what every set says about each softmax task. */
function labelledLogits(
  all: readonly Predictions[],
): Map<string, { logits: number[][]; targets: (readonly number[])[] }> {
  const tasks = new Map<string, { logits: number[][]; targets: (readonly number[])[] }>();
  for (const { samples, logits } of all) {
    for (const [i, sample] of samples.entries()) {
      for (const [task, target] of softmaxTargets(sample)) {
        const values = logits.get(task);
        if (!values) continue;
        const entry = tasks.get(task) ?? { logits: [], targets: [] };
        entry.logits.push([...values.subarray(i * target.length, (i + 1) * target.length)]);
        entry.targets.push(target);
        tasks.set(task, entry);
      }
    }
  }
  return tasks;
}

/** The temperatures, thresholds and age intervals that fit some predictions. */
export function fitCalibration(all: readonly Predictions[]): Omit<ManifestCalibration, 'verification'> {
  const temperatures: Record<string, number> = {};
  const thresholds: Record<string, number> = {};
  for (const [task, labelled] of labelledLogits(all)) {
    const temperature = fitTemperature(labelled);
    temperatures[task] = temperature;
    if (labelled.targets[0]?.length !== 2) continue;
    const faces = labelled.logits.map((row, n) => ({
      yes: Math.exp(logSoftmax(row, temperature)[1] ?? 0),
      label: labelled.targets[n]?.[1] ?? 0,
    }));
    const threshold = fitThreshold(faces);
    if (threshold !== 0.5) thresholds[task] = threshold;
  }
  const ages = all.flatMap(({ samples, analyses }) =>
    samples.flatMap(({ age }, i) => {
      const years = analyses[i]?.age?.years;
      return age === undefined || years === undefined ? [] : [{ years, label: age }];
    }),
  );
  return { temperatures, thresholds, ageIntervals: fitAgeIntervals(ages) };
}

const interval = ({ low, high }: Estimate) => ({ low, high });

/**
 * Error rates of comparing single embeddings, over every two faces of one set, at thresholds that hold the false match
 * rates for strangers of any one sex and age band as well.
 */
export function fitOperatingPoints({ samples, dims, embeddings }: Predictions): OperatingPoint[] {
  if (dims === 0) return [];
  return strictestTable(new PairTable(embeddings, dims, samples), FALSE_MATCH_RATES)
    .map(({ target, threshold, falseNonMatchRate, group, matches, misses }) => ({
      falseMatchRate: target,
      threshold,
      falseNonMatchRate,
      measured: {
        strangers: group,
        pairs: matches.count,
        falseMatches: interval(matches),
        falseNonMatches: interval(misses),
      },
    }))
    .reverse();
}

/** Faces of known identity that were not taught to the embedding here; what a trunk was trained on before is not known. */
export interface VerificationFaces {
  /** Path of NAME.jsonl. */
  readonly list: string;
  /** "held-out", or "all" where the embedding learnt nothing from the list. */
  readonly split: 'held-out' | 'all';
}

/**
 * Measures a manifest's calibration on held-out faces, whatever calibration the model carries now.
 *
 * @param lists paths of NAME.jsonl; their held-out parts are used
 * @param verification faces, of which some show the same person, that give the operating points
 */
export async function calibrate(
  predictor: Predictor,
  lists: readonly string[],
  verification: VerificationFaces | undefined,
): Promise<ManifestCalibration> {
  const predict = async (list: string, split = 'held-out'): Promise<Predictions> => {
    const dataset = await readDataset(list);
    return predictor.predict(dataset, selectSplit(dataset.samples, split), false);
  };
  const all: Predictions[] = [];
  for (const list of lists) all.push(await predict(list));
  const points = verification ? fitOperatingPoints(await predict(verification.list, verification.split)) : [];
  return { ...fitCalibration(all), verification: points };
}
