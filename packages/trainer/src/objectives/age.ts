import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { TrainingBatch } from '../batch.js';
import { normalised, type Objective, type ObjectiveFeeds, type RecordingContext, taskLogits } from './objective.js';

/** How the error of an age d in years is punished. */
export interface AgeRecipe {
  /** `regression` of the years, or `ordinal`: one question "older than k?" for each year k below `ranks` (arXiv:2403.00561). */
  readonly method: 'regression' | 'ordinal';
  readonly ranks: number;
  /**
   * `swinface`: (1 - l)/2 d^2 + l (1 - exp(-d^2 / (2 sigma^2))), l growing from 0 to `ramp`;
   * `absolute`: sqrt(1 + d^2) - 1, which leans to the median as the mean absolute error does.
   */
  readonly loss: 'swinface' | 'absolute';
  readonly sigma: number;
  readonly ramp: number;
  /** The network learns (age - centre) / spread; the export folds both into its last layer. */
  readonly centre: number;
  readonly spread: number;
}

/** Regression of the age in years. */
export class AgeRegression implements Objective {
  readonly tasks = ['Age'];

  constructor(readonly recipe: AgeRecipe) {}

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const { centre, spread, loss, sigma } = this.recipe;
    const years = graph.input('age.years', [batch, 1]);
    const weight = graph.input('age.weight', [batch, 1]);
    const raw = taskLogits(context, 'Age');
    const age = p.add(graph, p.mul(graph, raw, graph.scalar(spread)), graph.scalar(centre));
    const error = p.sub(graph, age, years);
    const square = p.mul(graph, error, error);
    let each: OnnxValue;
    if (loss === 'absolute') {
      each = p.sub(graph, p.sqrt(graph, p.add(graph, square, graph.scalar(1))), graph.scalar(1));
    } else {
      const ramp = graph.input('age.ramp', [1]);
      const quadratic = p.mul(graph, square, p.mul(graph, p.sub(graph, graph.scalar(1), ramp), graph.scalar(0.5)));
      const bell = p.exp(graph, p.mul(graph, square, graph.scalar(-1 / (2 * sigma * sigma))));
      each = p.add(graph, quadratic, p.mul(graph, p.sub(graph, graph.scalar(1), bell), ramp));
    }
    return p.reshape(graph, p.reduceSum(graph, p.mul(graph, each, weight), [0, 1]), [1]);
  }

  feed({ age, count }: TrainingBatch, progress: number): ObjectiveFeeds {
    const { weights, total } = normalised(age.weight);
    return {
      feeds: {
        'age.years': { data: age.years, shape: [count, 1] },
        'age.weight': { data: weights, shape: [count, 1] },
        ...(this.recipe.loss === 'swinface'
          ? { 'age.ramp': { data: Float32Array.of(progress * this.recipe.ramp), shape: [1] } }
          : {}),
      },
      labelled: [total],
    };
  }
}
