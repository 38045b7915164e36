import {
  assembleWeights,
  type HostTensor,
  InvalidInputError,
  isHostTensor,
  mapWeights,
  type OutputSelection,
  type WeightMap,
} from '@swinface/core';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { TrainingBatch } from '../batch.js';
import { Random } from '../data/random.js';
import { recordTrainingGraph, type TrainingGraph } from '../graph/training-graph.js';
import { type Feed, LOG_VARIANCES } from '../objectives/index.js';
import type { Recipe } from '../recipe.js';
import { createSession, type Device } from './device.js';
import { ParameterStore } from './parameters.js';

/** What one forward and backward pass gives. */
export interface StepResult {
  readonly total: number;
  /** Loss of each task of the graph; meaningless where `labelled` is 0. */
  readonly losses: Float32Array;
  readonly labelled: readonly number[];
  readonly gradients: ReadonlyMap<string, Float32Array>;
  /** This batch's statistics by the name of the running statistic that follows them. */
  readonly statistics: ReadonlyMap<string, { readonly values: Float32Array; readonly correction: number }>;
}

/** The compiled training graph of one model and recipe, and its parameters. */
export class TrainingStep {
  private constructor(
    readonly graph: TrainingGraph,
    readonly store: ParameterStore,
    readonly device: Device,
    private readonly session: InferenceSession,
    private readonly recipe: Pick<Recipe, 'batch' | 'seed' | 'objectives'>,
  ) {}

  /**
   * @param weights where to start, by checkpoint name
   * @throws {UnsupportedDeviceError} if the device is not to be had
   */
  static async create(
    selection: OutputSelection,
    weights: WeightMap,
    recipe: Pick<Recipe, 'batch' | 'seed' | 'regularisation' | 'objectives'>,
    { device = 'auto', threads = 0 }: { device?: Device | 'auto'; threads?: number } = {},
  ): Promise<TrainingStep> {
    const tensors = new Map<string, HostTensor>();
    const values = mapWeights(assembleWeights(selection, weights), isHostTensor, (tensor, path) => {
      tensors.set(path, tensor);
      return { name: path, shape: tensor.shape };
    });
    const graph = recordTrainingGraph(selection, values, recipe);
    const extra = graph.parameters.get(LOG_VARIANCES);
    if (extra) tensors.set(LOG_VARIANCES, { shape: extra, data: new Float32Array(extra[0] ?? 0) });
    const compiled = await createSession(graph.model, device, threads);
    return new TrainingStep(graph, new ParameterStore(tensors), compiled.device, compiled.session, recipe);
  }

  /**
   * Everything that a step feeds to its graph but the parameters.
   *
   * @throws {InvalidInputError} if the batch has another size than the graph
   */
  feeds(batch: TrainingBatch, step: number, progress: number): { feeds: Map<string, Feed>; labelled: number[] } {
    const { graph, recipe } = this;
    if (batch.count !== recipe.batch) {
      throw new InvalidInputError('The batch does not fit the compiled graph.', {
        expected: `${recipe.batch} faces`,
        actual: String(batch.count),
      });
    }
    const side = Math.sqrt(batch.images.length / batch.count / 3);
    const feeds = new Map<string, Feed>([['image', { data: batch.images, shape: [batch.count, 3, side, side] }]]);
    graph.masks.forEach(({ name, shape, rate }, index) => {
      feeds.set(name, { data: randomMask(new Random(recipe.seed, step, 0x4d00 + index), shape, rate), shape });
    });
    const labelled: number[] = [];
    for (const objective of graph.objectives) {
      const given = objective.feed(batch, progress);
      labelled.push(...given.labelled);
      for (const [name, feed] of Object.entries(given.feeds)) feeds.set(name, feed);
    }
    const { weights } = recipe.objectives;
    const taskWeights = graph.tasks.map((task, index) => (labelled[index] ? (weights[task] ?? weights.default) : 0));
    feeds.set('task.weight', { data: Float32Array.from(taskWeights), shape: [graph.tasks.length] });
    return { feeds, labelled };
  }

  /**
   * Forward and backward pass of a batch; changes nothing.
   *
   * @param step decides the random masks, together with the recipe's seed
   * @param progress share of the training that is done
   * @throws {InvalidInputError} if the batch has another size than the graph
   */
  async run(batch: TrainingBatch, step: number, progress: number): Promise<StepResult> {
    const { graph, store } = this;
    const given = this.feeds(batch, step, progress);
    const { labelled } = given;
    const feeds: Record<string, Tensor> = {};
    for (const [name, { data, shape }] of given.feeds) feeds[name] = new Tensor('float32', data, shape);
    for (const [name, shape] of graph.parameters) feeds[name] = new Tensor('float32', store.view(name), shape);
    const outputs = await this.session.run(feeds);
    const read = (name: string): Float32Array => {
      const data = outputs[name]?.data;
      if (!(data instanceof Float32Array)) throw new TypeError(`The graph gave no float32 output ${name}`);
      return data;
    };
    return {
      total: read('total')[0] ?? Number.NaN,
      losses: read('losses'),
      labelled,
      gradients: new Map([...graph.parameters.keys()].map((name) => [name, read(`gradient.${name}`)])),
      statistics: new Map(
        graph.statistics.map(({ name, output, correction }) => [name, { values: read(output), correction }]),
      ),
    };
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

function randomMask(random: Random, shape: readonly number[], rate: number): Float32Array {
  const keep = 1 / (1 - rate);
  const mask = new Float32Array(shape.reduce((product, side) => product * side, 1));
  for (let i = 0; i < mask.length; i++) mask[i] = random.uniform() < rate ? 0 : keep;
  return mask;
}
