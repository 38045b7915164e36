import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { TrainingBatch } from '../tasks/batch.js';
import { normalized, type Objective, type ObjectiveFeeds, type RecordingContext, unitRows } from './objective.js';

/**
 * Learns a teacher's embedding: 1 - cosine to its vector, and, if asked for, the mean square difference of the
 * cosines between all pairs of a batch (arXiv:1904.05068's idea of relations).
 */
export class Distillation implements Objective {
  readonly tasks: readonly string[];

  constructor(readonly relations: boolean) {
    this.tasks = relations ? ['Recognition', 'Relations'] : ['Recognition'];
  }

  record({ graph, batch, embedding }: RecordingContext): OnnxValue {
    if (!embedding) throw new RangeError('Distillation needs the output Recognition');
    const target = graph.input('embedding.target', [batch, embedding.shape[1] as number]);
    const weight = graph.input('embedding.weight', [batch, 1]);
    const unit = unitRows(graph, embedding);
    const cosine = p.reduceSum(graph, p.mul(graph, unit, target), [1]);
    const distance = p.mul(graph, p.sub(graph, graph.scalar(1), cosine), weight);
    const loss = p.reshape(graph, p.reduceSum(graph, distance, [0, 1]), [1]);
    if (!this.relations) return loss;
    const pairs = (x: OnnxValue) => p.matMul(graph, x, p.transposeLast(graph, x));
    const gap = p.sub(graph, pairs(unit), pairs(target));
    const squared = p.mul(graph, p.mul(graph, gap, gap), pairs(weight));
    return p.concat(graph, [loss, p.reshape(graph, p.reduceSum(graph, squared, [0, 1]), [1])], 0);
  }

  feed({ embedding, count }: TrainingBatch): ObjectiveFeeds {
    if (!embedding) throw new RangeError('The batch has no teacher embeddings, which the recipe asks for');
    const { weights, total } = normalized(embedding.weight);
    return {
      feeds: {
        'embedding.target': { data: embedding.target, shape: [count, embedding.target.length / count] },
        'embedding.weight': { data: weights, shape: [count, 1] },
      },
      labelled: this.tasks.map(() => total),
    };
  }
}
