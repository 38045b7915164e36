import type { QuantizationEffect } from '@swinface/core';
import type { FaceAnalysis } from '@swinface/postprocessing';
import type { Dataset, FaceSample } from '../data/samples.js';
import { judgePredictions } from '../evaluate/dataset-report.js';
import type { PairList } from '../evaluate/pairs.js';
import type { Predictions, Predictor } from '../evaluate/predict.js';
import { headlineMetrics } from '../export/model-card.js';

/** Faces of one set that models are compared on. */
export interface ComparedFaces {
  readonly dataset: Dataset;
  readonly samples: readonly FaceSample[];
  readonly pairs?: PairList;
}

/** What one model says of some faces, and how well it does. */
export interface Judgement {
  readonly predictions: Predictions;
  readonly metrics: Readonly<Record<string, number>>;
}

/** Runs a model on faces and judges its answers. */
export async function judge(predictor: Predictor, { dataset, samples, pairs }: ComparedFaces): Promise<Judgement> {
  const predictions = await predictor.predict(dataset, samples, pairs !== undefined);
  const report = judgePredictions(dataset.name, 'held-out', predictions, pairs, []);
  return { predictions, metrics: headlineMetrics({ datasets: [report] }) };
}

/** The answer of each classifying task, as users see it. */
function answers({ gender, expression, attributes, extra }: FaceAnalysis): Record<string, string> {
  const labels: Record<string, string> = {};
  if (gender) labels.Gender = gender.label;
  if (expression) labels.Expression = expression.label;
  for (const [name, yes] of Object.entries(attributes)) labels[name] = String(yes);
  for (const [name, result] of Object.entries(extra)) {
    if (result.kind === 'softmax') labels[name] = result.label;
    if (result.kind === 'sigmoid') labels[name] = result.decisions.join();
  }
  return labels;
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** How the answers of one model differ from those of another on the same faces. */
export function effect(set: string, before: Judgement, after: Judgement): QuantizationEffect {
  const faces = before.predictions.samples.length;
  const changed: Record<string, number> = {};
  let years = 0;
  let aged = 0;
  for (const [i, analysis] of before.predictions.analyses.entries()) {
    const other = after.predictions.analyses[i];
    if (!other) continue;
    const labels = answers(other);
    for (const [task, label] of Object.entries(answers(analysis))) {
      changed[task] = (changed[task] ?? 0) + (labels[task] === label ? 0 : 1);
    }
    if (!analysis.age || !other.age) continue;
    years += Math.abs(analysis.age.years - other.age.years);
    aged++;
  }
  const cosine = cosines(before.predictions, after.predictions);
  return {
    set,
    faces,
    ...(cosine ? { cosine } : {}),
    changed: Object.fromEntries(Object.entries(changed).map(([task, count]) => [task, round(count / faces, 5)])),
    ...(aged > 0 ? { age: round(years / aged, 4) } : {}),
    metrics: Object.fromEntries(
      Object.entries(before.metrics).map(([name, value]) => [
        name,
        round((after.metrics[name] ?? Number.NaN) - value, 4),
      ]),
    ),
  };
}

function cosines(before: Predictions, after: Predictions): QuantizationEffect['cosine'] {
  const { dims, embeddings } = before;
  const count = before.samples.length;
  if (dims === 0) return undefined;
  let lowest = 1;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    let product = 0;
    for (let d = i * dims; d < (i + 1) * dims; d++) {
      product += (embeddings[d] as number) * (after.embeddings[d] as number);
    }
    const cosine = Math.min(1, product);
    lowest = Math.min(lowest, cosine);
    sum += cosine;
  }
  return { mean: round(sum / count, 7), lowest: round(lowest, 7) };
}

/** The task whose answers changed most often. */
export function mostChanged({ changed }: QuantizationEffect): readonly [task: string, share: number] {
  return Object.entries(changed).reduce((most, entry) => (entry[1] > most[1] ? entry : most), ['', 0]);
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;

/** One effect as cells: set, faces, cosine, changed answers, age. */
export function effectCells(effect: QuantizationEffect): string[] {
  const { set, faces, cosine, changed, age } = effect;
  const shares = Object.values(changed);
  const mean = shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
  const [task, most] = mostChanged(effect);
  return [
    set,
    String(faces),
    cosine ? `${cosine.mean.toFixed(6)}, lowest ${cosine.lowest.toFixed(6)}` : '',
    `${percent(mean)}${most > 0 ? `, most ${percent(most)} (${task})` : ''}`,
    age === undefined ? '' : age.toFixed(3),
  ];
}

/** Headings of {@link effectCells}. */
export const EFFECT_HEADINGS = ['set', 'faces', 'embedding cosine', 'answers changed', 'age moved, years'] as const;

/** Changes of held-out figures, each with its unit: shares in points of a hundred. */
export function metricLines({ metrics }: QuantizationEffect): string[] {
  const signed = (value: number, digits: number) => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(digits)}`;
  return Object.entries(metrics).map(([name, change]) =>
    name.endsWith('error') ? `${name} ${signed(change, 3)} years` : `${name} ${signed(100 * change, 2)} points`,
  );
}
