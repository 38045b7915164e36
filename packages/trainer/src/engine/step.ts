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
import { type IdentitySizes, recordTrainingGraph, type TrainingGraph } from '../graph/training-graph.js';
import type { Feed } from '../objectives/index.js';
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
  /** Task outputs [B, R] while training: with the batch's statistics and random masks. */
  readonly logits: Float32Array;
  /** This batch's statistics by the name of the running statistic that follows them. */
  readonly statistics: ReadonlyMap<string, { readonly values: Float32Array; readonly correction: number }>;
}

/** The compiled training graph of one model and recipe, and its parameters. */
export class TrainingStep {
  /** Factors of the recipe's task weights; 1 where absent. */
  balance: ReadonlyMap<string, number> = new Map();

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
    recipe: Pick<Recipe, 'batch' | 'seed' | 'regularisation' | 'frozen' | 'objectives'>,
    {
      device = 'auto',
      threads = 0,
      ...identities
    }: { device?: Device | 'auto'; threads?: number } & Partial<IdentitySizes> = {},
  ): Promise<TrainingStep> {
    const tensors = new Map<string, HostTensor>();
    const values = mapWeights(assembleWeights(selection, weights), isHostTensor, (tensor, path) => {
      tensors.set(path, tensor);
      return { name: path, shape: tensor.shape };
    });
    const graph = recordTrainingGraph(selection, values, recipe, identities);
    graph.learnt.forEach(({ name, shape, deviation }, index) => {
      const random = new Random(recipe.seed, 0x0b1e, index);
      const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
      tensors.set(name, { shape, data: data.map(() => (deviation === 0 ? 0 : deviation * random.normal())) });
    });
    const compiled = await createSession(graph.model, device, threads);
    return new TrainingStep(
      graph,
      new ParameterStore(tensors, recipe.frozen),
      compiled.device,
      compiled.session,
      recipe,
    );
  }

  /**
   * Everything that a step feeds to its graph but the parameters.
   *
   * @throws {InvalidInputError} if the batch has another size than the graph
   */
  feeds(batch: TrainingBatch, step: number, progress: number): StepFeeds {
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
    const rows = new Map<string, Int32Array>();
    for (const [index, objective] of graph.objectives.entries()) {
      const given = objective.feed(batch, progress, new Random(recipe.seed, step, 0x0b00 + index));
      labelled.push(...given.labelled);
      for (const [name, taken] of Object.entries(given.rows ?? {})) rows.set(name, taken);
      for (const [name, feed] of Object.entries(given.feeds)) feeds.set(name, feed);
    }
    const { weights } = recipe.objectives;
    const taskWeights = graph.tasks.map((task, index) =>
      labelled[index] ? (weights[task] ?? weights.default) * (this.balance.get(task) ?? 1) : 0,
    );
    feeds.set('task.weight', { data: Float32Array.from(taskWeights), shape: [graph.tasks.length] });
    return { feeds, labelled, rows };
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
    const { labelled, rows } = given;
    const feeds: Record<string, Tensor> = {};
    for (const [name, { data, shape }] of given.feeds) feeds[name] = new Tensor('float32', data, shape);
    for (const [name, shape] of graph.parameters) {
      const values = store.view(name);
      const taken = rows.get(name);
      feeds[name] = new Tensor('float32', taken ? gatherRows(values, taken, shape) : values, shape);
    }
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
      gradients: new Map(
        graph.trainable.map((name) => {
          const shape = graph.parameters.get(name) ?? [];
          const gradient = read(`gradient.${name}`);
          const taken = rows.get(name);
          return [name, taken ? scatterRows(gradient, taken, shape, store.view(name).length) : gradient];
        }),
      ),
      logits: outputs.logits ? read('logits') : new Float32Array(),
      statistics: new Map(
        graph.statistics.map(({ name, output, correction }) => [name, { values: read(output), correction }]),
      ),
    };
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}

/** Everything that a step feeds to its graph but the parameters. */
export interface StepFeeds {
  readonly feeds: ReadonlyMap<string, Feed>;
  /** Sum of label weights per task. */
  readonly labelled: readonly number[];
  /** Which rows of a parameter take part. */
  readonly rows: ReadonlyMap<string, Int32Array>;
}

function gatherRows(values: Float32Array, rows: Int32Array, shape: readonly number[]): Float32Array {
  const width = shape.slice(1).reduce((product, side) => product * side, 1);
  const taken = new Float32Array(rows.length * width);
  rows.forEach((row, to) => {
    taken.set(values.subarray(row * width, (row + 1) * width), to * width);
  });
  return taken;
}

/** Rows that took no part have no gradient. */
function scatterRows(gradient: Float32Array, rows: Int32Array, shape: readonly number[], length: number): Float32Array {
  const width = shape.slice(1).reduce((product, side) => product * side, 1);
  const whole = new Float32Array(length);
  rows.forEach((row, from) => {
    whole.set(gradient.subarray(from * width, (from + 1) * width), row * width);
  });
  return whole;
}

function randomMask(random: Random, shape: readonly number[], rate: number): Float32Array {
  const keep = 1 / (1 - rate);
  const mask = new Float32Array(shape.reduce((product, side) => product * side, 1));
  for (let i = 0; i < mask.length; i++) mask[i] = random.uniform() < rate ? 0 : keep;
  return mask;
}
