import type { OutputSelection } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { ATTRIBUTE_TASKS } from '../data/labels.js';
import type { ObjectivesRecipe } from '../recipe/recipe.js';
import type { BatchSource, TrainingBatch } from '../tasks/batch.js';
import type { ValidationState } from './checkpoint.js';
import type { TrainingStep } from './step.js';

/** Growth of a threshold per epoch and share of errors (arXiv:2002.03683). */
const GAMMA = 0.01;
const THRESHOLD_RANGE = [0.05, 0.95] as const;

type Losses = Readonly<Record<string, number>>;

/** Evens out the weights of DWA: 1 would follow the losses closely, infinity not at all. */
const DWA_TEMPERATURE = 2;

/** Last loss and this one of each attribute that has been measured twice; other tasks are not weighted. */
const measuredTwice = (before: Losses, now: Losses): [task: string, last: number, loss: number][] =>
  ATTRIBUTE_TASKS.flatMap((task) => {
    const [last, loss] = [before[task], now[task]];
    return last === undefined || loss === undefined || last === 0 ? [] : [[task, last, loss]];
  });

/**
 * Dynamic weights of the attributes: the relative change of each validation loss, |L(t) - L(t-1)| / L(t-1)
 * (arXiv:2002.03683). What is absent stays at 1: other tasks, and attributes that were measured once.
 */
export const dynamicWeights = (before: Losses, now: Losses): Record<string, number> =>
  Object.fromEntries(measuredTwice(before, now).map(([task, last, loss]) => [task, Math.abs((loss - last) / last)]));

/**
 * Dynamic weight averaging (arXiv:1803.10704), to compare with: the softmax of L(t) / (T L(t-1)) over the attributes,
 * one on average. Its authors take the mean training loss of each epoch; here, too, it is the validation loss.
 */
export function averagedWeights(before: Losses, now: Losses): Record<string, number> {
  const each = measuredTwice(before, now).map(
    ([task, last, loss]) => [task, Math.exp(loss / last / DWA_TEMPERATURE)] as const,
  );
  const mean = each.reduce((sum, [, value]) => sum + value, 0) / each.length;
  return Object.fromEntries(each.map(([task, value]) => [task, value / mean]));
}

/** False answers of one binary task. */
export interface BinaryErrors {
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly count: number;
}

/** Adaptive threshold: tau + gamma epoch (FP - FN) / V (arXiv:2002.03683), kept away from 0 and 1. */
export function adaptThreshold(threshold: number, epoch: number, errors: BinaryErrors): number {
  if (errors.count === 0) return threshold;
  const [low, high] = THRESHOLD_RANGE;
  const moved = threshold + (GAMMA * epoch * (errors.falsePositives - errors.falseNegatives)) / errors.count;
  return Math.min(high, Math.max(low, moved));
}

/** Counts the false answers of every task of two classes in a batch. */
export function binaryErrors(
  selection: OutputSelection,
  batch: TrainingBatch,
  logits: Float32Array,
  thresholds: Readonly<Record<string, number>>,
): Map<string, BinaryErrors> {
  const errors = new Map<string, BinaryErrors>();
  for (const { task, offset } of selection.tasks) {
    const label = batch.softmax[task.name];
    if (task.kind !== 'softmax' || task.logits !== 2 || !label) continue;
    const threshold = thresholds[task.name] ?? 0.5;
    let [falsePositives, falseNegatives, count] = [0, 0, 0];
    for (let face = 0; face < batch.count; face++) {
      if (!label.weight[face]) continue;
      count++;
      const no = face * selection.logits + offset;
      const yes = 1 / (1 + Math.exp(at(logits, no) - at(logits, no + 1)));
      const truth = at(label.target, face * 2 + 1) > 0.5;
      if (yes >= threshold && !truth) falsePositives++;
      if (yes < threshold && truth) falseNegatives++;
    }
    errors.set(task.name, { falsePositives, falseNegatives, count });
  }
  return errors;
}

/** How held-out faces are measured. */
export interface ValidateOptions {
  readonly batches: number;
  /** Steps that are done. */
  readonly at: number;
  readonly epoch: number;
  readonly weighting: ObjectivesRecipe['weighting'];
}

/** Measures held-out batches with the network as it answers. */
export async function validate(
  step: TrainingStep,
  source: BatchSource,
  { batches, at: steps, epoch, weighting }: ValidateOptions,
  state: ValidationState,
): Promise<ValidationState> {
  const start = source.state();
  const sums = new Map<string, { sum: number; weight: number }>();
  const errors = new Map<string, BinaryErrors>();
  for (let index = 0; index < batches; index++) {
    const batch = await source.next();
    const result = await step.measure(batch, steps);
    step.graph.tasks.forEach((task, t) => {
      const labelled = result.labelled[t] ?? 0;
      const entry = sums.get(task) ?? { sum: 0, weight: 0 };
      if (labelled === 0) return;
      sums.set(task, { sum: entry.sum + labelled * at(result.losses, t), weight: entry.weight + labelled });
    });
    for (const [task, one] of binaryErrors(step.selection, batch, result.logits, state.thresholds)) {
      const all = errors.get(task) ?? { falsePositives: 0, falseNegatives: 0, count: 0 };
      errors.set(task, {
        falsePositives: all.falsePositives + one.falsePositives,
        falseNegatives: all.falseNegatives + one.falseNegatives,
        count: all.count + one.count,
      });
    }
  }
  source.restore(start); // the same faces every time
  const losses = Object.fromEntries([...sums].map(([task, { sum, weight }]) => [task, sum / weight]));
  const thresholds = Object.fromEntries(
    [...errors].map(([task, one]) => [task, adaptThreshold(state.thresholds[task] ?? 0.5, epoch, one)]),
  );
  const weigh = weighting === 'dwa' ? averagedWeights : dynamicWeights;
  return { losses, weights: weigh(state.losses, losses), thresholds };
}
