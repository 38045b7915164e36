import type { OutputSelection } from '@swinface/core';
import type { BatchSource, TrainingBatch } from './batch.js';
import type { StepResult, TrainingStep } from './engine/step.js';

/** Growth of a threshold per epoch and share of errors (arXiv:2002.03683). */
const GAMMA = 0.01;
const THRESHOLD_RANGE = [0.05, 0.95] as const;

/** What held-out batches have said so far; part of a checkpoint. */
export interface ValidationState {
  /** Mean loss per task at the last measurement. */
  readonly losses: Readonly<Record<string, number>>;
  /** Factors of the task weights. */
  readonly weights: Readonly<Record<string, number>>;
  /** Probability of "yes" from which a binary task answers yes. */
  readonly thresholds: Readonly<Record<string, number>>;
}

/** Nothing measured yet: all weights 1, all thresholds one half. */
export const INITIAL_VALIDATION: ValidationState = Object.freeze({ losses: {}, weights: {}, thresholds: {} });

/**
 * Dynamic weights: the relative change of each validation loss, |L(t) - L(t-1)| / L(t-1) (arXiv:2002.03683), divided by
 * their mean, because all of them shrink together as training settles. 1 for tasks measured for the first time.
 */
export function dynamicWeights(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  const changes = Object.entries(now).flatMap(([task, loss]) => {
    const last = before[task];
    return last === undefined || last === 0 ? [] : [[task, Math.abs((loss - last) / last)] as const];
  });
  const mean = changes.reduce((sum, [, change]) => sum + change, 0) / Math.max(1, changes.length);
  return Object.fromEntries(changes.map(([task, change]) => [task, mean > 0 ? change / mean : 1]));
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
      const at = face * selection.logits + offset;
      const yes = 1 / (1 + Math.exp((logits[at] as number) - (logits[at + 1] as number)));
      const truth = (label.target[face * 2 + 1] as number) > 0.5;
      if (yes >= threshold && !truth) falsePositives++;
      if (yes < threshold && truth) falseNegatives++;
    }
    errors.set(task.name, { falsePositives, falseNegatives, count });
  }
  return errors;
}

/** Runs held-out batches through the training graph, without learning from them. */
export async function validate(
  step: TrainingStep,
  selection: OutputSelection,
  source: BatchSource,
  { batches, at, epoch }: { batches: number; at: number; epoch: number },
  state: ValidationState,
): Promise<ValidationState> {
  const start = source.state();
  const sums = new Map<string, { sum: number; weight: number }>();
  const errors = new Map<string, BinaryErrors>();
  for (let index = 0; index < batches; index++) {
    const batch = await source.next();
    const result: StepResult = await step.run(batch, at, 1);
    step.graph.tasks.forEach((task, t) => {
      const labelled = result.labelled[t] ?? 0;
      const entry = sums.get(task) ?? { sum: 0, weight: 0 };
      if (labelled === 0) return;
      sums.set(task, { sum: entry.sum + labelled * (result.losses[t] as number), weight: entry.weight + labelled });
    });
    for (const [task, one] of binaryErrors(selection, batch, result.logits, state.thresholds)) {
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
  return { losses, weights: dynamicWeights(state.losses, losses), thresholds };
}
