import {
  embeddingLength,
  InvalidInputError,
  type Manifest,
  type OutputSelection,
  type RawOutputs,
  RECOGNITION,
  SwinFaceError,
  type Task,
} from '@swinface/core';
import { at } from '@swinface/core/internal';
import { isObject, requireInput } from '@swinface/geometry';
import { temperatureOf, thresholdOf } from './calibration.js';
import { argmax, firstNonFinite, normalised, sigmoid, softmax } from './numeric.js';
import { recognisabilityOf } from './recognisability.js';
import {
  type ApparentAge,
  ATTRIBUTES,
  type AttributeName,
  EXPRESSIONS,
  type Expression,
  type ExpressionResult,
  type ExtraResult,
  type FaceAnalysis,
  type GenderResult,
} from './types.js';

type Calibration = Manifest['calibration'];

/**
 * Raw outputs of one face to its typed result: probabilities at the calibrated temperatures, labels and answers at the
 * calibrated thresholds, apparent age with its measured range, the embedding at length 1. Plain, structured-cloneable data.
 *
 * The threshold of Gender applies to the probability of "male", the second logit, as for every binary task.
 *
 * @param manifest of the weights that computed `raw`; only its calibration is read
 * @param selection that `raw` was computed with
 * @param faceIndex row of `raw`
 * @throws {InvalidInputError} if `raw` does not fit the selection, or has no such row
 * @throws {SwinFaceError} `INTERNAL`, naming the task, if the network gave a value that is not finite
 */
export function decodeOutputs(
  manifest: Pick<Manifest, 'calibration'>,
  selection: OutputSelection,
  raw: RawOutputs,
  faceIndex: number,
): FaceAnalysis {
  const isManifest = isObject(manifest) && isObject(manifest.calibration);
  requireInput(isManifest, 'The argument "manifest"', 'the manifest of the weights', manifest);
  const isSelection = isObject(selection) && isObject(selection.config) && Array.isArray(selection.tasks);
  requireInput(isSelection, 'The argument "selection"', 'what selectOutputs gives', selection);
  requireInput(isObject(raw), 'The argument "raw"', 'outputs of the network', raw);
  checkShape(selection, raw, faceIndex);
  const { calibration } = manifest;
  const attributes: Partial<Record<AttributeName, boolean>> = {};
  const attributeProbabilities: Partial<Record<AttributeName, number>> = {};
  const extra: [string, ExtraResult][] = [];
  let result: Pick<FaceAnalysis, 'embedding' | 'recognisability' | 'age' | 'gender' | 'expression'> = {};

  if (raw.embeddings && selection.recognition) {
    const length = embeddingLength(selection.config);
    const row = raw.embeddings.subarray(faceIndex * length, (faceIndex + 1) * length);
    requireFinite(row, RECOGNITION);
    const embedding = normalised(row, 'The embedding');
    result = { ...result, embedding };
    const { recognisability } = calibration;
    if (recognisability) {
      result = { ...result, recognisability: recognisabilityOf(embedding, Math.hypot(...row), recognisability) };
    }
  }
  for (const { task, offset } of selection.tasks) {
    const start = faceIndex * selection.logits + offset;
    const logits = Array.from(raw.logits?.subarray(start, start + task.logits) ?? []);
    requireFinite(logits, task.name);
    if (isAge(task)) result = { ...result, age: decodeAge(task, logits, calibration) };
    else if (isGender(task)) result = { ...result, gender: decodeGender(task, logits, calibration) };
    else if (isExpression(task)) result = { ...result, expression: decodeExpression(task, logits, calibration) };
    else if (isAttribute(task)) {
      const yes = probabilityOfYes(task, logits, calibration);
      attributeProbabilities[task.name] = yes;
      attributes[task.name] = yes >= thresholdOf(task.name, calibration);
    } else extra.push([task.name, decodeExtra(task, logits, calibration)]);
  }
  // fromEntries defines properties whatever their names; assignment would let a task called __proto__ through.
  return { ...result, attributes, attributeProbabilities, extra: Object.fromEntries(extra) };
}

function checkShape({ config, recognition, logits, tasks }: OutputSelection, raw: RawOutputs, faceIndex: number): void {
  if (!Number.isInteger(faceIndex) || faceIndex < 0 || faceIndex >= raw.count) {
    throw new InvalidInputError('There is no such face among the outputs.', {
      expected: `an index from 0 to ${raw.count - 1}`,
      actual: String(faceIndex),
    });
  }
  const check = (name: string, values: Float32Array | undefined, width: number) => {
    if (values?.length === raw.count * width) return;
    throw new InvalidInputError(`The ${name} do not fit the selection of outputs.`, {
      expected: `${raw.count} x ${width} values`,
      actual: values ? `${values.length}` : 'none',
    });
  };
  if (recognition) check('embeddings', raw.embeddings, embeddingLength(config));
  if (tasks.length > 0) check('logits', raw.logits, logits);
}

function requireFinite(values: ArrayLike<number>, task: string): void {
  const bad = firstNonFinite(values);
  if (bad < 0) return;
  throw new SwinFaceError('INTERNAL', `The network's output for ${task} is not a number.`, {
    expected: 'finite values',
    actual: `${values[bad]} at ${bad}`,
    hint: 'Check the weights and the GPU driver; no result is given rather than a made-up one.',
  });
}

// Names and shapes decide together: a model may redefine a task, and then it is an extra head, not a wrong answer.
const isAge = ({ name, kind, logits }: Task): boolean =>
  name === 'Age' && ((kind === 'regression' && logits === 1) || kind === 'ordinal');
const isGender = ({ name, kind, labels }: Task): boolean =>
  name === 'Gender' && kind === 'softmax' && labels?.join() === 'female,male';
const isExpression = ({ name, kind, labels }: Task): boolean =>
  name === 'Expression' && kind === 'softmax' && sameSet(labels ?? [], EXPRESSIONS);
const isAttribute = (task: Task): task is Task & { readonly name: AttributeName } =>
  (ATTRIBUTES as readonly string[]).includes(task.name) &&
  ((task.kind === 'softmax' && task.logits === 2) || (task.kind === 'sigmoid' && task.logits === 1));

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && new Set([...a, ...b]).size === b.length;

function probabilityOfYes(task: Task, logits: readonly number[], calibration: Calibration): number {
  const temperature = temperatureOf(task.name, calibration);
  return task.kind === 'softmax' ? at(softmax(logits, temperature), 1) : sigmoid(at(logits, 0) / temperature);
}

function decodeAge(task: Task, logits: readonly number[], calibration: Calibration): ApparentAge {
  // Of ranks, as many years as questions "older than k years?" are answered yes (arXiv:2403.00561, eq. 6).
  const raw = task.kind === 'ordinal' ? logits.filter((logit) => logit > 0).length : at(logits, 0);
  const years = Math.max(0, raw);
  const halfWidth = ageHalfWidth(calibration.ageIntervals, years);
  if (halfWidth === undefined) return { years };
  return { years, low: Math.max(0, years - halfWidth), high: years + halfWidth };
}

/** Half-width at `years`, linear between the measured ages and constant beyond them; undefined where none was measured. */
function ageHalfWidth(intervals: Calibration['ageIntervals'], years: number): number | undefined {
  const above = intervals.findIndex(({ age }) => age >= years);
  const [low, high] = above < 0 ? [intervals.at(-1), undefined] : [intervals[above - 1], intervals[above]];
  if (!low || !high) return (low ?? high)?.halfWidth;
  const share = (years - low.age) / (high.age - low.age);
  return low.halfWidth + share * (high.halfWidth - low.halfWidth);
}

function decodeGender(task: Task, logits: readonly number[], calibration: Calibration): GenderResult {
  const [female, male] = softmax(logits, temperatureOf(task.name, calibration)) as [number, number];
  return { label: male >= thresholdOf(task.name, calibration) ? 'male' : 'female', probabilities: { female, male } };
}

function decodeExpression(task: Task, logits: readonly number[], calibration: Calibration): ExpressionResult {
  const labels = (task.labels ?? EXPRESSIONS) as readonly Expression[];
  const probabilities = softmax(logits, temperatureOf(task.name, calibration));
  const byName = Object.fromEntries(labels.map((label, i) => [label, probabilities[i]])) as Record<Expression, number>;
  return { label: labels[argmax(probabilities)] as Expression, ...byName };
}

function decodeExtra(task: Task, logits: readonly number[], calibration: Calibration): ExtraResult {
  const temperature = temperatureOf(task.name, calibration);
  switch (task.kind) {
    case 'softmax': {
      const probabilities = softmax(logits, temperature);
      const best = argmax(probabilities);
      return { kind: 'softmax', label: task.labels?.[best] ?? String(best), probabilities };
    }
    case 'regression':
      return { kind: 'regression', values: logits };
    case 'sigmoid': {
      const probabilities = logits.map((logit) => sigmoid(logit / temperature));
      const threshold = thresholdOf(task.name, calibration);
      return { kind: 'sigmoid', probabilities, decisions: probabilities.map((yes) => yes >= threshold) };
    }
    case 'ordinal': {
      const probabilities = logits.map((logit) => sigmoid(logit / temperature));
      const expected = probabilities.reduce((sum, probability) => sum + probability, 0);
      return { kind: 'ordinal', rank: probabilities.filter((p) => p > 0.5).length, expected, probabilities };
    }
  }
}
