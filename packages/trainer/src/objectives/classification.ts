import type { OutputSelection } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { TrainingBatch } from '../tasks/batch.js';
import { type Feed, normalized, type Objective, type ObjectiveFeeds, type RecordingContext } from './objective.js';

/** Cross-entropy with soft targets of every softmax task; tasks with as many classes are computed together. */
export class Classification implements Objective {
  readonly tasks: readonly string[];
  readonly #groups: readonly {
    readonly classes: number;
    readonly tasks: readonly { name: string; offset: number }[];
  }[];
  readonly #smoothing: number;

  /** @param smoothing share of each target that is spread evenly over the classes */
  constructor(selection: OutputSelection, smoothing: number) {
    const tasks = selection.tasks.filter(({ task }) => task.kind === 'softmax');
    const sizes = [...new Set(tasks.map(({ task }) => task.logits))];
    this.#groups = sizes.map((classes) => ({
      classes,
      tasks: tasks
        .filter(({ task }) => task.logits === classes)
        .map(({ task, offset }) => ({ name: task.name, offset })),
    }));
    this.tasks = this.#groups.flatMap((group) => group.tasks.map(({ name }) => name));
    this.#smoothing = smoothing;
  }

  record({ graph, selection, batch, logits }: RecordingContext): OnnxValue {
    if (!logits) throw new RangeError('Classification needs the task outputs');
    const losses = this.#groups.map(({ classes, tasks }) => {
      // The group's columns side by side; a product with a 0/1 matrix, so that its gradient is one too.
      const pick = new Float32Array(selection.logits * tasks.length * classes);
      tasks.forEach(({ offset }, index) => {
        for (let k = 0; k < classes; k++) {
          pick[(offset + k) * tasks.length * classes + index * classes + k] = 1;
        }
      });
      const matrix = graph.constant(pick, [selection.logits, tasks.length * classes]);
      const columns = p.reshape(graph, p.gemm(graph, logits, matrix), [batch, tasks.length, classes]);
      const target = graph.input(`softmax${classes}.target`, [batch, tasks.length, classes]);
      const weight = graph.input(`softmax${classes}.weight`, [batch, tasks.length, 1]);
      const entropy = p.mul(graph, p.mul(graph, p.logSoftmax(graph, columns), target), weight);
      const loss = p.neg(graph, p.reduceSum(graph, entropy, [0, 2]));
      return p.reshape(graph, loss, [tasks.length]);
    });
    return losses.length === 1 ? (losses[0] as OnnxValue) : p.concat(graph, losses, 0);
  }

  feed(batch: TrainingBatch): ObjectiveFeeds {
    const { count } = batch;
    const labelled: number[] = [];
    const feeds: Record<string, Feed> = {};
    for (const { classes, tasks } of this.#groups) {
      const target = new Float32Array(count * tasks.length * classes);
      const weight = new Float32Array(count * tasks.length);
      tasks.forEach(({ name }, index) => {
        const label = batch.softmax[name];
        if (!label) {
          labelled.push(0);
          return;
        }
        const { weights, total } = normalized(label.weight);
        labelled.push(total);
        for (let face = 0; face < count; face++) {
          const place = face * tasks.length + index;
          weight[place] = at(weights, face);
          for (let k = 0; k < classes; k++) {
            const given = at(label.target, face * classes + k);
            target[place * classes + k] = given * (1 - this.#smoothing) + this.#smoothing / classes;
          }
        }
      });
      feeds[`softmax${classes}.target`] = { data: target, shape: [count, tasks.length, classes] };
      feeds[`softmax${classes}.weight`] = { data: weight, shape: [count, tasks.length, 1] };
    }
    return { feeds, labelled };
  }
}
