import { at } from '@swinface/core/internal';
import { type OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { CouplingForm } from '../recipe/recipe.js';
import type { TrainingBatch } from '../tasks/batch.js';
import { ACTION_UNITS, ACTION_UNITS_TASK } from '../tasks/heads.js';
import { normalized, type Objective, type ObjectiveFeeds, type RecordingContext, taskLogits } from './objective.js';
import { binaryCrossEntropy } from './questions.js';

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

/** What each unit counts in the vote for each expression [expressions, 17], row-major. */
export function voteWeights(expressions: readonly string[]): Float32Array {
  return Float32Array.from(expressions.flatMap((name) => ACTION_UNITS.map((unit) => RELATEDNESS[name]?.[unit] ?? 0)));
}

/** p(action unit | expression) [expressions, 17], row-major: 1 for prototypical and observational units alike, else 0. */
export const unitsOf = (expressions: readonly string[]): Float32Array =>
  voteWeights(expressions).map((weight) => (weight > 0 ? 1 : 0));

/**
 * Distribution matching (arXiv:2401.01219) of what the network predicts and what the other task foretells of K binary
 * questions, summed over K, mean over the faces: [1]. Both tasks learn from it.
 *
 * @param logits of the prediction p [B, K]
 * @param foretold q [B, K]
 */
export function matching(
  { graph, batch }: RecordingContext,
  logits: OnnxValue,
  foretold: OnnxValue,
  form: CouplingForm,
): OnnxValue {
  // Shrunk into [CLIP, 1 - CLIP] instead of cut off, so that its gradient never vanishes.
  const q = p.add(graph, p.mul(graph, foretold, graph.scalar(1 - 2 * CLIP)), graph.scalar(CLIP));
  const each =
    form === 'printed'
      ? p.neg(graph, p.mul(graph, p.sigmoid(graph, logits), p.log(graph, q)))
      : binaryCrossEntropy(graph, logits, q);
  const sum = p.reduceSum(graph, p.mul(graph, each, graph.scalar(1 / batch)), [0, 1]);
  return p.reshape(graph, sum, [1]);
}

/**
 * Soft co-annotation (arXiv:2401.01219), face by face and class by class [B, C]: the cross-entropy of a prediction, as
 * logits, and what the other task votes for, a distribution.
 */
export function annotation(graph: OnnxGraph, logits: OnnxValue, votes: OnnxValue, form: CouplingForm): OnnxValue {
  const product =
    form === 'printed'
      ? p.mul(graph, p.softmax(graph, logits), p.log(graph, votes))
      : p.mul(graph, p.logSoftmax(graph, logits), votes);
  return p.neg(graph, product);
}

/**
 * Distribution matching of expressions and action units on every sample (arXiv:2401.01219): what the expressions
 * foretell of each unit, q = sum over expressions of p(expression) p(unit | expression), and the predicted p(unit).
 */
export class DistributionMatching implements Objective {
  readonly tasks = ['Distribution matching'];

  constructor(
    readonly expressions: readonly string[],
    readonly form: CouplingForm,
  ) {}

  record(context: RecordingContext): OnnxValue {
    const { graph } = context;
    const expression = p.softmax(graph, taskLogits(context, 'Expression'));
    const table = graph.constant(unitsOf(this.expressions), [this.expressions.length, ACTION_UNITS.length]);
    return matching(context, taskLogits(context, ACTION_UNITS_TASK), p.gemm(graph, expression, table), this.form);
  }

  feed({ count }: TrainingBatch): ObjectiveFeeds {
    return { feeds: {}, labelled: [count] };
  }
}

/**
 * Soft co-annotation on samples with action units (arXiv:2401.01219): the units vote for each expression by the weighted
 * share of its units that are present; the expression is learnt towards the softmax of those votes. Neutral has no units
 * and gets no vote: 0 (eq. 4).
 */
export class SoftCoAnnotation implements Objective {
  readonly tasks = ['Soft co-annotation'];

  constructor(
    readonly expressions: readonly string[],
    readonly form: CouplingForm,
  ) {}

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const target = graph.input('annotation.target', [batch, this.expressions.length]);
    const weight = graph.input('annotation.weight', [batch, 1]);
    const entropy = annotation(graph, taskLogits(context, 'Expression'), target, this.form);
    return p.reshape(graph, p.reduceSum(graph, p.mul(graph, entropy, weight), [0, 1]), [1]);
  }

  feed({ sigmoid, count }: TrainingBatch): ObjectiveFeeds {
    const units = sigmoid?.[ACTION_UNITS_TASK];
    const { weights, total } = normalized(units?.weight ?? new Float32Array(count));
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
  const table = voteWeights(expressions);
  const votes = expressions.map((_, e) => {
    const row = table.subarray(e * ACTION_UNITS.length, (e + 1) * ACTION_UNITS.length);
    const all = row.reduce((sum, weight) => sum + weight, 0);
    if (all === 0) return 0;
    return row.reduce((sum, weight, unit) => sum + weight * at(units, unit), 0) / all;
  });
  const exps = votes.map(Math.exp);
  const total = exps.reduce((sum, value) => sum + value, 0);
  return Float32Array.from(exps, (value) => value / total);
}
