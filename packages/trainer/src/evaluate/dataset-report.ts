import type { OperatingPoint } from '@swinface/core';
import { operatingPoint } from '@swinface/postprocessing';
import { EXPRESSIONS } from '../data/expressions.js';
import type { Dataset, FaceSample } from '../data/samples.js';
import { HEADS } from '../tasks/heads.js';
import { type AgeReport, ageReport } from './age.js';
import { ageAnswers, attributeAnswers, expressionAnswers, genderAnswers, raceAnswers } from './answers.js';
import { type AttributesReport, attributesReport, type ClassReport, classReport } from './classification.js';
import { type GroupReport, groupReports } from './groups.js';
import { type PairList, parsePairs } from './pairs.js';
import type { Predictions, Predictor } from './predict.js';
import { type RejectPoint, rejectCurve } from './reject.js';
import {
  ALL_STRANGERS,
  type KeptRate,
  keptRates,
  PairTable,
  type StrictestPoint,
  strictestTable,
} from './strangers.js';
import {
  type FoldAccuracy,
  foldAccuracy,
  type RatePoint,
  type RocPoint,
  rateTable,
  roc,
  rowSimilarity,
} from './verification.js';

/** Same person or not. */
export interface VerificationReport {
  /** On the list of pairs, with embeddings of the face plus its mirror. */
  readonly pairs?: FoldAccuracy & {
    /** Pairs left out because an image is not in the set. */
    readonly missing: number;
    /** The same with the embedding of the face alone, as the browser compares. */
    readonly single: FoldAccuracy;
  };
  /** Over every two faces of the set, the face alone. */
  readonly all?: {
    readonly genuine: number;
    readonly impostor: number;
    /** Only rates that ten or more pairs of strangers support. */
    readonly rates: readonly RatePoint[];
    readonly roc: readonly RocPoint[];
  };
  /** The hardest thresholds that these faces themselves would ask for; empty where nobody is there twice. */
  readonly strictest: readonly StrictestPoint[];
  /** What the manifest's false match rates come to on these faces; empty without identities. */
  readonly kept: readonly KeptRate[];
  /**
   * Misses at the manifest's threshold nearest to one in a thousand as the least recognisable faces are rejected; empty where
   * the manifest does not say how recognisable faces are.
   */
  readonly reject: readonly RejectPoint[];
}

/** Everything measured on one data set; parts without labels are absent. */
export interface DatasetReport {
  readonly name: string;
  /** Part of the set that was judged. */
  readonly split: string;
  readonly faces: number;
  /** Faces without landmarks, for which the set's mean landmarks stood in. */
  readonly unlocated: number;
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
  readonly verification?: VerificationReport;
  readonly age?: AgeReport;
  readonly gender?: ClassReport;
  /** Of heads for studies of bias. */
  readonly race?: ClassReport;
  readonly expression?: ClassReport & {
    /** Faces whose taggers did not settle on one of the seven classes; not judged. */
    readonly undecided: number;
  };
  readonly attributes?: AttributesReport;
  readonly groups: readonly GroupReport[];
}

/** False match rates of the table. */
export const FALSE_MATCH_RATES: readonly number[] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5];

/** The samples of a part of a set; "held-out" is every part but train, and all of a set that is not split. */
export function selectSplit(samples: readonly FaceSample[], split: string): FaceSample[] {
  return samples.filter((sample) =>
    split === 'all' ? true : split === 'held-out' ? sample.split !== 'train' : sample.split === split,
  );
}

/**
 * Judges a model on a data set.
 *
 * @param pairs contents of a list of pairs in LFW's format
 */
export async function datasetReport(
  predictor: Predictor,
  dataset: Dataset,
  split: string,
  pairs: PairList | undefined,
  onProgress?: (done: number, total: number) => void,
): Promise<DatasetReport> {
  const samples = selectSplit(dataset.samples, split);
  const predictions = await predictor.predict(dataset, samples, pairs !== undefined, onProgress);
  const { verification } = predictor.manifest.calibration;
  return judgePredictions(dataset.name, split, predictions, pairs, verification);
}

/**
 * Judges what a model said of some faces of a set.
 *
 * @param promised the manifest's verification table
 */
export function judgePredictions(
  name: string,
  split: string,
  predictions: Predictions,
  pairs: PairList | undefined,
  promised: readonly OperatingPoint[],
): DatasetReport {
  const faces = predictions.samples.flatMap((sample, i) => {
    const analysis = predictions.analyses[i];
    return analysis ? [{ sample, analysis }] : [];
  });
  const ages = ageAnswers(faces);
  const genders = genderAnswers(faces);
  const races = raceAnswers(faces);
  const expressions = expressionAnswers(faces);
  const attributes = attributeAnswers(faces);
  const tagged = faces.filter(({ sample }) => sample.votes).length;
  const verification = verificationReport(predictions, pairs, promised);
  return {
    name,
    split,
    faces: faces.length,
    unlocated: predictions.samples.filter(({ points }) => points === null).length,
    skipped: predictions.skipped,
    ...(verification ? { verification } : {}),
    ...(ages.length > 0 ? { age: ageReport(ages) } : {}),
    ...(genders.length > 0 ? { gender: classReport(['female', 'male'], genders) } : {}),
    ...(races.length > 0 ? { race: classReport(HEADS.race.task.labels ?? [], races) } : {}),
    ...(expressions.length > 0
      ? { expression: { ...classReport(EXPRESSIONS, expressions), undecided: tagged - expressions.length } }
      : {}),
    ...(attributes.size > 0 ? { attributes: attributesReport(attributes) } : {}),
    groups: groupReports(faces),
  };
}

function verificationReport(
  predictions: Predictions,
  list: PairList | undefined,
  promised: readonly OperatingPoint[],
): VerificationReport | undefined {
  const { samples, dims, embeddings, mirrored } = predictions;
  if (dims === 0) return undefined;
  let report: Pick<VerificationReport, 'pairs' | 'all'> = {};
  if (list !== undefined && mirrored) {
    const { pairs, missing } = parsePairs(list, samples);
    const scored = (rows: Float32Array) =>
      foldAccuracy(pairs.map((pair) => ({ ...pair, similarity: rowSimilarity(rows, dims, pair.first, pair.second) })));
    report = { pairs: { ...scored(mirrored), missing, single: scored(embeddings) } };
  }
  const table = new PairTable(embeddings, dims, samples);
  const { genuine } = table;
  const impostor = table.strangers(ALL_STRANGERS);
  if (impostor.length === 0) return report.pairs ? { ...report, strictest: [], kept: [], reject: [] } : undefined;
  if (genuine.length > 0) {
    const all = {
      genuine: genuine.length,
      impostor: impostor.length,
      rates: rateTable(genuine, impostor, FALSE_MATCH_RATES),
      roc: roc(genuine, impostor),
    };
    report = { ...report, all };
  }
  const point = operatingPoint(promised);
  return {
    ...report,
    strictest: strictestTable(table, FALSE_MATCH_RATES),
    kept: keptRates(table, promised),
    reject: point ? rejectCurve(predictions, point) : [],
  };
}
