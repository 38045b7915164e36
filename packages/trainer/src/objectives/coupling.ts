import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { TrainingBatch } from '../batch.js';
import { ACTION_UNITS, ACTION_UNITS_TASK } from '../heads.js';
import { normalised, type Objective, type ObjectiveFeeds, type RecordingContext, taskLogits } from './objective.js';

/** Keeps logarithms of estimated probabilities finite. */
const CLIP = 1e-3;

/** Action units of each expression with their weights: prototypical ones 1, observational ones as observed (arXiv:2401.01219, Table 1). */
const RELATEDNESS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  surprise: { 1: 1, 2: 1, 25: 1, 26: 1, 5: 0.66 },
  fear: { 1: 1, 4: 1, 20: 1, 25: 1, 2: 0.57, 5: 0.63, 26: 0.33 },
  disgust: { 9: 1, 10: 1, 17: 1, 4: 0.31, 24: 0.26 },
  happiness: { 12: 1, 25: 1, 6: 0.51 },
  sadness: { 4: 1, 15: 1, 1: 0.6, 6: 0.5, 11: 0.26, 17: 0.67 },
  anger: { 4: 1, 7: 1, 24: 1, 10: 0.26, 17: 0.52, 23: 0.29 },
  neutral: {},
};

/** p(action unit | expression) [expressions, 17], row-major. */
export function relatedness(expressions: readonly string[]): Float32Array {
  return Float32Array.from(expressions.flatMap((name) => ACTION_UNITS.map((unit) => RELATEDNESS[name]?.[unit] ?? 0)));
}

/**
 * Distribution matching (arXiv:2401.01219): -p log q - (1 - p) log(1 - q) of the probabilities p that the network gives
 * and q that the other task foretells, both [B, K]; summed over K, mean over the faces: [1]. `printed` leaves the second
 * term out, as the paper's formula does.
 */
export function matching(
  { graph, batch }: RecordingContext,
  predicted: OnnxValue,
  foretold: OnnxValue,
  form: 'full' | 'printed',
): OnnxValue {
  // Shrunk into [CLIP, 1 - CLIP] instead of cut off, so that its gradient never vanishes.
  const q = p.add(graph, p.mul(graph, foretold, graph.scalar(1 - 2 * CLIP)), graph.scalar(CLIP));
  const one = graph.scalar(1);
  let each = p.mul(graph, predicted, p.log(graph, q));
  if (form === 'full') {
    each = p.add(graph, each, p.mul(graph, p.sub(graph, one, predicted), p.log(graph, p.sub(graph, one, q))));
  }
  const sum = p.reduceSum(graph, p.mul(graph, each, graph.scalar(-1 / batch)), [0, 1]);
  return p.reshape(graph, sum, [1]);
}

/**
 * Distribution matching of expressions and action units on every sample (arXiv:2401.01219): what the expressions
 * foretell of each unit, q = sum over expressions of p(expression) p(unit | expression), is compared with the predicted
 * p(unit). `printed` is the paper's formula, -p log q, which p -> 0 lowers by itself; `full` adds -(1 - p) log(1 - q).
 */
export class DistributionMatching implements Objective {
  readonly tasks = ['Distribution matching'];

  constructor(
    readonly expressions: readonly string[],
    readonly form: 'full' | 'printed',
  ) {}

  record(context: RecordingContext): OnnxValue {
    const { graph } = context;
    const expression = p.softmax(graph, taskLogits(context, 'Expression'));
    const unit = p.sigmoid(graph, taskLogits(context, ACTION_UNITS_TASK));
    const table = graph.constant(relatedness(this.expressions), [this.expressions.length, ACTION_UNITS.length]);
    return matching(context, unit, p.gemm(graph, expression, table), this.form);
  }

  feed({ count }: TrainingBatch): ObjectiveFeeds {
    return { feeds: {}, labelled: [count] };
  }
}

/**
 * Soft co-annotation on samples with action units (arXiv:2401.01219): the units vote for each expression by the weighted
 * share of its units that are present; the expression is learnt towards the softmax of those votes. For neutral, which
 * has no units, the vote is the share of all units that are absent (the paper leaves it open).
 */
export class SoftCoAnnotation implements Objective {
  readonly tasks = ['Soft co-annotation'];

  constructor(readonly expressions: readonly string[]) {}

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const target = graph.input('annotation.target', [batch, this.expressions.length]);
    const weight = graph.input('annotation.weight', [batch, 1]);
    const entropy = p.mul(graph, p.logSoftmax(graph, taskLogits(context, 'Expression')), target);
    const sum = p.reduceSum(graph, p.mul(graph, entropy, weight), [0, 1]);
    return p.reshape(graph, p.neg(graph, sum), [1]);
  }

  feed({ sigmoid, count }: TrainingBatch): ObjectiveFeeds {
    const units = sigmoid?.[ACTION_UNITS_TASK];
    const { weights, total } = normalised(units?.weight ?? new Float32Array(count));
    const classes = this.expressions.length;
    const target = new Float32Array(count * classes);
    for (let face = 0; face < count; face++) {
      const row = units?.target.subarray(face * ACTION_UNITS.length, (face + 1) * ACTION_UNITS.length);
      target.set(annotate(this.expressions, row ?? new Float32Array(ACTION_UNITS.length)), face * classes);
    }
    return {
      feeds: {
        'annotation.target': { data: target, shape: [count, classes] },
        'annotation.weight': { data: weights, shape: [count, 1] },
      },
      labelled: [total],
    };
  }
}

/** Softmax of the units' votes for each expression. */
export function annotate(expressions: readonly string[], units: Float32Array): Float32Array {
  const table = relatedness(expressions);
  const votes = expressions.map((_, e) => {
    const row = table.subarray(e * ACTION_UNITS.length, (e + 1) * ACTION_UNITS.length);
    const all = row.reduce((sum, weight) => sum + weight, 0);
    if (all === 0) return 1 - units.reduce((sum, unit) => sum + unit, 0) / ACTION_UNITS.length;
    return row.reduce((sum, weight, unit) => sum + weight * (units[unit] as number), 0) / all;
  });
  const exps = votes.map(Math.exp);
  const total = exps.reduce((sum, value) => sum + value, 0);
  return Float32Array.from(exps, (value) => value / total);
}
