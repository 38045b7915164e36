import { InvalidInputError, type WeightMap } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { INITIAL_VALIDATION, type RunState } from '../engine/checkpoint.js';
import type { Device } from '../engine/device.js';
import { createOptimizer, learningRate, type Optimizer } from '../engine/optimizer.js';
import { type StepResult, TrainingStep } from '../engine/step.js';
import { validate } from '../engine/validation.js';
import { learntOutputs } from '../graph/learnt.js';
import { initialWeights } from '../graph/parameters.js';
import { recipeConfig } from '../recipe/config.js';
import { isMeasured, type Recipe } from '../recipe/recipe.js';
import type { BatchSource } from '../tasks/batch.js';
import { Reporter } from './reporter.js';
import { RunFolder } from './run.js';
import { progressOf } from './schedule.js';

/** How much of a batch's statistics goes into the running ones. */
const STATISTICS_MOMENTUM = 0.1;

/** Settings of one sitting at a training run; what decides the result is in the recipe. */
export interface TrainOptions {
  /** Folder of the run: checkpoint, log, recipe. */
  readonly out: string;
  /** Goes on from the checkpoint in `out`. */
  readonly resume?: boolean;
  readonly device?: Device | 'auto';
  /** Threads of the CPU provider; as many as there are cores by default. */
  readonly threads?: number;
  /** Weights to start from instead of random ones; not when resuming. */
  readonly initial?: WeightMap;
  /** Ends the sitting after this many steps, with a checkpoint. */
  readonly stopAfter?: number;
  readonly checkpointMinutes?: number;
  readonly signal?: AbortSignal;
  /** Number of identities in the training set, for CosFace. */
  readonly identities?: number;
  /** p(attribute | identity) [identities, 40] of the training faces, for coupling them. */
  readonly identityAttributes?: Float32Array;
  /** Held-out batches, for dynamic weights and adaptive thresholds. */
  readonly validation?: BatchSource;
  /** Receives lines for people. */
  readonly print?: (line: string) => void;
}

/** What a sitting leaves behind. */
export interface TrainSummary {
  readonly step: number;
  readonly skipped: number;
  readonly finished: boolean;
  readonly checkpoint: string;
}

/**
 * Trains until the recipe's schedule ends, `stopAfter` is reached or `signal` aborts; always leaves a checkpoint.
 * A step whose loss or gradient is not finite changes nothing, is counted and reported.
 *
 * @throws {InvalidInputError} if the recipe, the checkpoint or the batches do not fit each other, another process trains
 *   in the folder, or a file cannot be written
 */
export async function train(recipe: Recipe, source: BatchSource, options: TrainOptions): Promise<TrainSummary> {
  const { out, resume = false, checkpointMinutes = 5, validation } = options;
  const config = recipeConfig(recipe);
  if (recipe.validation && !validation) {
    throw new InvalidInputError('The recipe validates while training, but there are no held-out batches.');
  }
  const run = await RunFolder.open(out, resume, checkpointMinutes);
  try {
    const initial = options.initial ?? initialWeights(config, recipe.seed);
    const step = await TrainingStep.create(learntOutputs(config, recipe), initial, recipe, {
      ...(options.device === undefined ? {} : { device: options.device }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...(options.identities === undefined ? {} : { identities: options.identities }),
      ...(options.identityAttributes === undefined ? {} : { identityAttributes: options.identityAttributes }),
    });
    try {
      return await trainIn(run, step, recipe, source, options);
    } finally {
      await step.dispose();
    }
  } finally {
    await run.close();
  }
}

async function trainIn(
  run: RunFolder,
  step: TrainingStep,
  recipe: Recipe,
  source: BatchSource,
  options: TrainOptions,
): Promise<TrainSummary> {
  const optimizer = await createOptimizer(step.store, recipe.optimizer, options.threads);
  try {
    return await new Loop(recipe, source, options, run, step, optimizer).run();
  } finally {
    await optimizer.dispose();
  }
}

/** The steps of one sitting. */
class Loop {
  #state: RunState;
  /** Where the data stand for the first step that is not done yet; one batch is prepared ahead of it. */
  #position: unknown;
  #began = performance.now();
  /** Share of the training that is done. */
  #progress = 0;

  constructor(
    private readonly recipe: Recipe,
    private readonly source: BatchSource,
    private readonly options: TrainOptions,
    private readonly folder: RunFolder,
    private readonly step: TrainingStep,
    private readonly optimizer: Optimizer,
  ) {
    const position = source.state();
    this.#position = position;
    this.#state = { step: 0, updates: 0, skipped: 0, elapsed: 0, source: position, validation: INITIAL_VALIDATION };
  }

  async run(): Promise<TrainSummary> {
    const { recipe, source, step, folder } = this;
    const { out, resume, print = () => {} } = this.options;
    if (resume) {
      this.#state = await folder.restore(step, this.optimizer);
      source.restore(this.#state.source);
      this.#position = source.state();
      this.#balance();
    }
    await folder.writeRecipe(recipe);
    const reporter = await Reporter.create(out, recipe.batch, this.#state.step, print);
    print(
      `Training ${step.selection.config.name} (${step.store.values.length.toLocaleString('en')} values) on ` +
        `${step.device}, ${recipe.batch} faces a step, from step ${this.#state.step}.`,
    );
    this.#began = performance.now() - this.#state.elapsed;
    this.#advance();
    await this.#steps(reporter).catch(async (error: unknown) => {
      // What was learnt before the failure is kept; that this fails too must not hide the first reason.
      await this.#save().catch((second: unknown) => print(String(second)));
      throw error;
    });
    await this.#save();
    const { step: done, skipped } = this.#state;
    return { step: done, skipped, finished: this.#progress >= 1, checkpoint: folder.checkpoint };
  }

  async #steps(reporter: Reporter): Promise<void> {
    const { source, step, folder } = this;
    const { signal, stopAfter = Number.POSITIVE_INFINITY } = this.options;
    const last = this.#state.step + stopAfter;
    let batch = await source.next();
    while (this.#progress < 1 && this.#state.step < last && !signal?.aborted) {
      const progress = this.#progress;
      const rate = learningRate(this.recipe.optimizer, progress);
      const ahead = source.state();
      // The device works on this batch while the next one is drawn.
      const running = step.run(batch, this.#state.step, progress);
      [batch] = await Promise.all([source.next(), running]);
      const result = await running;
      this.#position = ahead;
      const norm = await this.#learn(result, rate, reporter);
      await this.#validate(reporter);
      await reporter.progress({ state: this.#state, elapsed: this.#elapsed, progress: this.#progress }, rate, norm);
      if (folder.isDue) await this.#save();
    }
  }

  /** Takes a step's gradients and statistics in, unless they are not finite; returns their norm. */
  async #learn(result: StepResult, rate: number, reporter: Reporter): Promise<number> {
    const { optimizer, step } = this;
    const norm = optimizer.norm(result.gradients);
    const sound = Number.isFinite(result.total) && Number.isFinite(norm);
    if (sound) {
      await optimizer.step(result.gradients, norm, rate);
      followStatistics(step, result);
      optimizer.follow();
      reporter.learnt(step.graph.tasks, result);
    }
    const { step: done, skipped } = this.#state;
    this.#state = { ...this.#state, step: done + 1, skipped: skipped + (sound ? 0 : 1) };
    this.#advance();
    if (!sound) await reporter.skipped(this.#state, result, norm);
    return norm;
  }

  /** Measures on held-out batches, when it is time to. */
  async #validate(reporter: Reporter): Promise<void> {
    const { recipe, source } = this;
    const { validation: held } = this.options;
    const { step: at } = this.#state;
    if (!held || !recipe.validation || at % recipe.validation.every !== 0) return;
    const epoch = (at * recipe.batch) / source.samplesPerEpoch;
    const { batches } = recipe.validation;
    const { weighting } = recipe.objectives;
    const validation = await validate(this.step, held, { batches, at, epoch, weighting }, this.#state.validation);
    this.#state = { ...this.#state, validation };
    this.#balance();
    await reporter.validated(at, validation);
  }

  #balance(): void {
    if (!isMeasured(this.recipe.objectives.weighting)) return;
    this.step.balance = new Map(Object.entries(this.#state.validation.weights));
  }

  async #save(): Promise<void> {
    const { optimizer } = this;
    this.#state = {
      ...this.#state,
      updates: optimizer.steps,
      elapsed: this.#elapsed,
      source: this.#position,
    };
    await this.folder.save(this.step, optimizer, this.#state);
  }

  get #elapsed(): number {
    return performance.now() - this.#began;
  }

  #advance(): void {
    this.#progress = progressOf(this.recipe.length, this.#state.step, this.#elapsed);
  }
}

function followStatistics({ store }: TrainingStep, { statistics }: StepResult): void {
  for (const [name, { values, correction }] of statistics) {
    const running = store.view(name);
    for (let i = 0; i < running.length; i++) {
      const batch = at(values, i) * correction;
      running[i] = (1 - STATISTICS_MOMENTUM) * at(running, i) + STATISTICS_MOMENTUM * batch;
    }
  }
}
