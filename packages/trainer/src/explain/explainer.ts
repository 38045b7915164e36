import { InvalidInputError, networkOf, type OutputSelection, type Task, type WeightMap } from '@swinface/core';
import { OnnxGraph, type OnnxValue, primitives as p, recordOnnx } from '@swinface/core/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { differentiate } from '../graph/differentiate.js';
import { TrainingOps } from '../graph/training-ops.js';

/** The network as it answers, in the forms that have gradients. */
const explaining = (graph: OnnxGraph) => new TrainingOps(graph, { dropPath: 0, dropout: 0 }, () => true);

/** Shades a network's answers with Grad-CAM (arXiv:1610.02391). */
export class Explainer {
  private constructor(
    readonly selection: OutputSelection,
    private readonly session: InferenceSession,
    private readonly side: number,
  ) {}

  static async create(selection: OutputSelection, weights: WeightMap, level: 1 | 2 | 3 | 4): Promise<Explainer> {
    const { image } = selection.config;
    const graph = new OnnxGraph();
    const input = graph.input('image', [1, 3, image, image]);
    const network = networkOf(selection, { levels: true });
    const outputs = recordOnnx(network, weights, explaining(graph), input);
    const map = outputs[`level${level}`]; // [1, L, C]
    if (!outputs.logits || !map)
      throw new InvalidInputError('There is no answer to explain.', { expected: 'one task or more' });
    const pick = graph.input('pick', [1, selection.logits]);
    const score = p.reduceSum(graph, p.mul(graph, outputs.logits, pick), [0, 1]);
    const [gradient] = differentiate(graph, score, [map]) as [OnnxValue];
    const importance = p.reduceMean(graph, gradient, [1]); // [1, 1, C]
    graph.output('logits', outputs.logits);
    graph.output('map', p.relu(graph, p.reduceSum(graph, p.mul(graph, map, importance), [2])));
    const session = await InferenceSession.create(graph.toModel('swinface-trainer'));
    return new Explainer(selection, session, network.levels[level - 1]?.side ?? 0);
  }

  /**
   * How much each place of a face speaks for the answer that the network gives: for the class with the greatest logit,
   * be it "no" or "female"; for more years of the age; of a head of ranks for a higher count of questions answered yes,
   * in which the questions in doubt weigh most; of several questions or values for the likeliest, or for their sum.
   *
   * @param image RGB in [-1, 1], [3, 112, 112]
   * @returns values in [0, 1], row by row, and the side of the map
   * @throws {InvalidInputError} if the task is not among the network's
   */
  async explain(image: Float32Array, task: string): Promise<{ side: number; values: Float32Array }> {
    const place = this.selection.tasks.find((entry) => entry.task.name === task);
    if (!place) {
      throw new InvalidInputError(`The network has no task ${task}.`, {
        expected: this.selection.tasks.map((entry) => entry.task.name).join(', '),
      });
    }
    const { offset, task: head } = place;
    const pick = new Float32Array(this.selection.logits);
    const { logits } = await this.#run(image, pick);
    const row = (logits as Tensor).data.slice(offset, offset + head.logits) as Float32Array;
    pick.set(shares(head, row), offset);
    const results = await this.#run(image, pick);
    const values = Float32Array.from(results.map?.data as Float32Array);
    const peak = Math.max(...values);
    return { side: this.side, values: peak > 0 ? values.map((value) => value / peak) : values };
  }

  #run(image: Float32Array, pick: Float32Array) {
    const side = this.selection.config.image;
    return this.session.run({
      image: new Tensor('float32', image, [1, 3, side, side]),
      pick: new Tensor('float32', pick, [1, pick.length]),
    });
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** How much each logit of a head has to do with its answer: the gradient of what is explained. */
function shares({ kind }: Task, logits: Float32Array): Float32Array {
  if (kind === 'regression') return logits.map(() => 1);
  // The count of answers "yes" is a sum of steps; of the sigmoids, which are its smooth form, x has the slope p (1 - p).
  if (kind === 'ordinal') {
    return logits.map((x) => {
      const yes = 1 / (1 + Math.exp(-x));
      return yes * (1 - yes);
    });
  }
  const best = logits.indexOf(Math.max(...logits));
  return logits.map((_, k) => (k === best ? 1 : 0));
}
