import { arrange, InvalidInputError, type OutputSelection, type WeightMap } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { Random } from '../data/random.js';
import { learntNetwork } from '../graph/learnt.js';
import { ParameterStore } from '../graph/parameters.js';
import { type IdentitySizes, recordTrainingGraph, type TrainingGraph } from '../graph/training-graph.js';
import type { Feed } from '../objectives/index.js';
import type { Recipe } from '../recipe/recipe.js';
import type { TrainingBatch } from '../tasks/batch.js';
import { createSession, type Device } from './device.js';

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

type StepRecipe = Pick<Recipe, 'batch' | 'seed' | 'regularization' | 'frozen' | 'objectives' | 'features'>;

/** Where a step is computed, and what the training set says of its identities. */
interface StepOptions extends Partial<IdentitySizes> {
  readonly device?: Device | 'auto';
  readonly threads?: number;
}

interface Compiled {
  readonly graph: TrainingGraph;
  readonly session: InferenceSession;
}

/** The compiled training graph of one model and recipe, and its parameters. */
export class TrainingStep {
  /** Factors of the recipe's task weights; 1 where absent. */
  balance: ReadonlyMap<string, number> = new Map();

  /** The graph that measures held-out faces, compiled when it is first needed. */
  #measuring: Promise<Compiled> | undefined;

  private constructor(
    readonly selection: OutputSelection,
    readonly graph: TrainingGraph,
    readonly store: ParameterStore,
    readonly device: Device,
    private readonly session: InferenceSession,
    private readonly recipe: StepRecipe,
    private readonly options: StepOptions,
  ) {}

  /**
   * @param weights where to start, by checkpoint name
   * @throws {UnsupportedDeviceError} if the device is not to be had
   */
  static async create(
    selection: OutputSelection,
    weights: WeightMap,
    recipe: StepRecipe,
    options: StepOptions = {},
  ): Promise<TrainingStep> {
    const { device = 'auto', threads = 0, ...identities } = options;
    const network = learntNetwork(selection, recipe);
    const tensors = new Map(arrange(network, weights));
    const graph = recordTrainingGraph(network, recipe, identities);
    graph.learnt.forEach(({ name, shape, deviation }, index) => {
      const random = new Random(recipe.seed, 0x0b1e, index);
      const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
      tensors.set(name, { shape, data: data.map(() => (deviation === 0 ? 0 : deviation * random.normal())) });
    });
    const compiled = await createSession(graph.model, device, threads);
    return new TrainingStep(
      selection,
      graph,
      new ParameterStore(tensors, recipe.frozen),
      compiled.device,
      compiled.session,
      recipe,
      options,
    );
  }

  /**
   * Everything that a step feeds to its graph but the parameters.
   *
   * @throws {InvalidInputError} if the batch has another size than the graph
   */
  feeds(batch: TrainingBatch, step: number, progress: number, graph = this.graph): StepFeeds {
    const { recipe } = this;
    if (batch.count !== recipe.batch) {
      throw new InvalidInputError('The batch does not fit the compiled graph.', {
        expected: `${recipe.batch} faces`,
        actual: String(batch.count),
      });
    }
    const feeds = new Map(
      graph.inputs.map((input, index) => {
        const data = graph.inputs.length === 1 ? batch.images : at(batch.levels ?? [], index);
        return [input.name, { data, shape: input.shape }] as [string, Feed];
      }),
    );
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
    const { graph, store, session } = this;
    const { labelled, rows, read, logits } = await this.#pass({ graph, session }, batch, step, progress);
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
      logits,
      statistics: new Map(
        graph.statistics.map(({ name, output, correction }) => [name, { values: read(output), correction }]),
      ),
    };
  }

  /**
   * Losses and task outputs of a batch as the network answers: with running statistics and nothing switched off at random.
   *
   * @param step decides which identities take part
   * @throws {InvalidInputError} if the batch has another size than the graph
   */
  async measure(batch: TrainingBatch, step: number): Promise<Pick<StepResult, 'losses' | 'labelled' | 'logits'>> {
    this.#measuring ??= this.#compileMeasuring();
    const { labelled, read, logits } = await this.#pass(await this.#measuring, batch, step, 1);
    return { losses: read('losses'), labelled, logits };
  }

  async #compileMeasuring(): Promise<Compiled> {
    const { device: _, threads = 0, ...identities } = this.options;
    const network = learntNetwork(this.selection, this.recipe);
    const graph = recordTrainingGraph(network, this.recipe, { ...identities, measuring: true });
    const { session } = await createSession(graph.model, this.device, threads);
    return { graph, session };
  }

  async #pass({ graph, session }: Compiled, batch: TrainingBatch, step: number, progress: number) {
    const given = this.feeds(batch, step, progress, graph);
    const { labelled, rows } = given;
    const feeds: Record<string, Tensor> = {};
    for (const [name, { data, shape }] of given.feeds) feeds[name] = new Tensor('float32', data, shape);
    for (const [name, shape] of graph.parameters) {
      const values = this.store.view(name);
      const taken = rows.get(name);
      feeds[name] = new Tensor('float32', taken ? gatherRows(values, taken, shape) : values, shape);
    }
    const outputs = await session.run(feeds);
    const read = (name: string): Float32Array => {
      const data = outputs[name]?.data;
      if (!(data instanceof Float32Array)) throw new TypeError(`The graph gave no float32 output ${name}`);
      return data;
    };
    return { labelled, rows, read, logits: outputs.logits ? read('logits') : new Float32Array() };
  }

  async dispose(): Promise<void> {
    await this.session.release();
    await (await this.#measuring)?.session.release();
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
