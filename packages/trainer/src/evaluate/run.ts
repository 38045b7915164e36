import { InvalidInputError } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { readDataset } from '../data/samples.js';
import type { Device } from '../engine/device.js';
import { StagedFiles } from '../files/durable.js';
import { type DatasetReport, datasetReport, selectSplit } from './dataset-report.js';
import { htmlReport } from './html.js';
import { type LevelImportance, levelImportance } from './importance.js';
import { readPairs } from './pairs.js';
import { Predictor } from './predict.js';
import { comparisons } from './references.js';
import type { EvaluationReport } from './report.js';

/** Faces over which the levels' importance is averaged. */
const IMPORTANCE_FACES = 128;

/** What to evaluate on what. */
export interface EvaluateOptions {
  /** Path of the manifest. */
  readonly weights: string;
  /** Paths of lists NAME.jsonl. */
  readonly data: readonly string[];
  /** Part of each set: a name, "all", or "held-out" (the default), which is everything but train. */
  readonly split?: string;
  /** Path of a list of pairs in LFW's format; it judges the one set whose identities it names. */
  readonly pairs?: string;
  /** Folder for report.html and report.json. */
  readonly out?: string;
  readonly device?: Device | 'auto';
  readonly log?: (line: string) => void;
}

/**
 * Judges exported weights on data sets and, where `out` is given, writes the report as one HTML page and as JSON.
 *
 * @throws {InvalidInputError} if a list is malformed, or has no faces of the part asked for
 * @throws {WeightsInvalidError} if the weights are not what their manifest says
 */
export async function runEvaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const { weights, data, split = 'held-out', pairs, out, device = 'cpu', log = () => {} } = options;
  if (data.length === 0)
    throw new InvalidInputError('There is nothing to evaluate on.', { expected: 'one or more lists' });
  const pairList = pairs === undefined ? undefined : await readPairs(pairs);
  const predictor = await Predictor.open(weights, device);
  const reports: DatasetReport[] = [];
  let importance: LevelImportance[] = [];
  try {
    for (const path of data) {
      const dataset = await readDataset(path);
      if (selectSplit(dataset.samples, split).length === 0) {
        throw new InvalidInputError(`${path} has no faces of the part "${split}".`, {
          expected: `one of all, held-out, ${[...new Set(dataset.samples.map((sample) => sample.split ?? '(none)'))].join(', ')}`,
        });
      }
      const start = performance.now();
      // Pairs belong to sets that number the images of each person.
      const numbered = dataset.samples.some(({ number }) => number !== undefined);
      const report = await datasetReport(predictor, dataset, split, numbered ? pairList : undefined, (done, total) => {
        if (done % 1024 === 0) log(`${dataset.name}: ${done} of ${total} faces`);
      });
      const rate = report.faces / ((performance.now() - start) / 1000);
      log(`${dataset.name}: ${report.faces} faces, ${rate.toFixed(0)} a second`);
      reports.push(report);
      if (importance.length === 0) {
        const some = selectSplit(dataset.samples, split).slice(0, IMPORTANCE_FACES);
        importance = await levelImportance(await readModelFile(weights), dataset, some);
      }
    }
  } finally {
    await predictor.dispose();
  }
  const { id, config, licence, synthetic } = predictor.manifest;
  const report: EvaluationReport = {
    model: { id, name: config.name, licence, synthetic },
    datasets: reports,
    importance,
    comparisons: reports.flatMap((entry) => comparisons(entry).map((line) => ({ set: entry.name, ...line }))),
  };
  if (out !== undefined) {
    await StagedFiles.write(out, async (files) => {
      await files.add('report.json', `${JSON.stringify(report, null, 1)}\n`);
      await files.add('report.html', htmlReport(report));
    });
  }
  return report;
}

/** The figures that matter most, one a line. */
export function summaryLines({ datasets }: EvaluationReport): string[] {
  const percent = (v: number) => `${(100 * v).toFixed(2)} %`;
  return datasets.flatMap(({ name, verification, age, gender, expression, attributes }) => {
    const { pairs, all } = verification ?? {};
    return [
      pairs &&
        `${name}: verification ${percent(pairs.accuracy)} ± ${percent(pairs.standardError)} on ${pairs.pairs} pairs`,
      ...(all?.rates.map(
        (p) => `${name}: false non-match rate ${percent(p.falseNonMatchRate)} at false match rate ${p.target}`,
      ) ?? []),
      age &&
        `${name}: age MAE ${age.meanAbsoluteError.value.toFixed(2)} years, CS(5) ${percent(age.cumulativeScore[5] ?? 0)}`,
      gender && `${name}: gender ${percent(gender.accuracy.value)}`,
      expression &&
        `${name}: expression ${percent(expression.accuracy.value)}, balanced ${percent(expression.balancedAccuracy)}`,
      attributes &&
        `${name}: attributes ${percent(attributes.accuracy)}, balanced ${percent(attributes.balancedAccuracy)}, majority ${percent(attributes.majority)}`,
    ].filter((line): line is string => typeof line === 'string');
  });
}
