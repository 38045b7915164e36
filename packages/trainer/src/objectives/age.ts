import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { AgeRecipe } from '../recipe/recipe.js';
import type { TrainingBatch } from '../tasks/batch.js';
import { normalized, type Objective, type ObjectiveFeeds, type RecordingContext, taskLogits } from './objective.js';

/** Regression of the age in years. */
export class AgeRegression implements Objective {
  readonly tasks = ['Age'];

  constructor(readonly recipe: AgeRecipe) {}

  record(context: RecordingContext): OnnxValue {
    const { graph, batch } = context;
    const { centre, spread, loss } = this.recipe;
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
      const bell = p.exp(graph, p.mul(graph, square, graph.input('age.bell', [batch, 1])));
      each = p.add(graph, quadratic, p.mul(graph, p.sub(graph, graph.scalar(1), bell), ramp));
    }
    return p.reshape(graph, p.reduceSum(graph, p.mul(graph, each, weight), [0, 1]), [1]);
  }

  feed({ age, count }: TrainingBatch, progress: number): ObjectiveFeeds {
    const { weights, total } = normalized(age.weight);
    const { loss, sigma, ramp } = this.recipe;
    const bell = age.years.map((_, face) => -1 / (2 * (age.sigma?.[face] || sigma) ** 2));
    return {
      feeds: {
        'age.years': { data: age.years, shape: [count, 1] },
        'age.weight': { data: weights, shape: [count, 1] },
        ...(loss === 'swinface'
          ? {
              'age.ramp': { data: Float32Array.of(progress * ramp), shape: [1] },
              'age.bell': { data: bell, shape: [count, 1] },
            }
          : {}),
      },
      labelled: [total],
    };
  }
}
