import { at } from '@swinface/core/internal';
import { type OnnxGraph, type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { TrainingBatch, VectorTarget } from '../tasks/batch.js';
import { normalized, type Objective, type ObjectiveFeeds, type RecordingContext, taskLogits } from './objective.js';

/** Binary cross-entropy of logits against answers in [0, 1], element by element: log(1 + exp x) - t x. */
export function binaryCrossEntropy(graph: OnnxGraph, logits: OnnxValue, target: OnnxValue): OnnxValue {
  return p.sub(graph, p.softplus(graph, logits), p.mul(graph, target, logits));
}

/** Weighted sum over the samples of what each lost [B, K], summed over K: [1]. */
function overSamples({ graph, batch }: RecordingContext, name: string, each: OnnxValue): OnnxValue {
  const weight = graph.input(`${name}.weight`, [batch, 1]);
  return p.reshape(graph, p.reduceSum(graph, p.mul(graph, each, weight), [0, 1]), [1]);
}

function feedVector(name: string, width: number, count: number, label: VectorTarget | undefined): ObjectiveFeeds {
  const { weights, total } = normalized(label?.weight ?? new Float32Array(count));
  return {
    feeds: {
      [`${name}.target`]: { data: label?.target ?? new Float32Array(count * width), shape: [count, width] },
      [`${name}.weight`]: { data: weights, shape: [count, 1] },
    },
    labelled: [total],
  };
}

/** The age as questions "older than k years?", k = 0, 1, ...; the cross-entropies are summed (arXiv:2403.00561). */
export class OrdinalAge implements Objective {
  readonly tasks = ['Age'];

  /** @param ranks one more than there are questions */
  constructor(readonly ranks: number) {}

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const target = graph.input('Age.target', [batch, this.ranks - 1]);
    return overSamples(context, 'Age', binaryCrossEntropy(graph, taskLogits(context, 'Age'), target));
  }

  feed({ age, count }: TrainingBatch): ObjectiveFeeds {
    const questions = this.ranks - 1;
    const target = Float32Array.from({ length: count * questions }, (_, index) =>
      at(age.years, Math.floor(index / questions)) > index % questions ? 1 : 0,
    );
    return feedVector('Age', questions, count, { target, weight: age.weight });
  }
}

/** Independent yes/no questions of one head, such as action units: mean cross-entropy over the questions. */
export class Questions implements Objective {
  readonly tasks: readonly string[];

  constructor(
    readonly task: string,
    readonly width: number,
  ) {
    this.tasks = [task];
  }

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const target = graph.input(`${this.task}.target`, [batch, this.width]);
    const each = binaryCrossEntropy(graph, taskLogits(context, this.task), target);
    return overSamples(context, this.task, p.mul(graph, each, graph.scalar(1 / this.width)));
  }

  feed({ sigmoid, count }: TrainingBatch): ObjectiveFeeds {
    return feedVector(this.task, this.width, count, sigmoid?.[this.task]);
  }
}

/** Values of one head, such as the coordinates of landmarks: squared errors, summed over the values (arXiv:2002.03683). */
export class Values implements Objective {
  readonly tasks: readonly string[];

  constructor(
    readonly task: string,
    readonly width: number,
  ) {
    this.tasks = [task];
  }

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const target = graph.input(`${this.task}.target`, [batch, this.width]);
    const error = p.sub(graph, taskLogits(context, this.task), target);
    return overSamples(context, this.task, p.mul(graph, error, error));
  }

  feed({ regression, count }: TrainingBatch): ObjectiveFeeds {
    return feedVector(this.task, this.width, count, regression?.[this.task]);
  }
}
