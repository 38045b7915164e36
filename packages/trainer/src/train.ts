import { existsSync } from 'node:fs';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError, type ModelConfig, PRESETS, selectOutputs, type WeightMap } from '@swinface/core';
import type { BatchSource } from './batch.js';
import { type RunState, readCheckpoint, writeCheckpoint } from './engine/checkpoint.js';
import type { Device } from './engine/device.js';
import { createOptimiser, learningRate } from './engine/optimiser.js';
import { initialWeights } from './engine/parameters.js';
import { type StepResult, TrainingStep } from './engine/step.js';
import { EventLog } from './event-log.js';
import { withHeads } from './heads.js';
import type { Recipe } from './recipe.js';
import { progressOf } from './schedule.js';
import { INITIAL_VALIDATION, validate } from './validation.js';

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

/** The network that a recipe names. */
export function recipeConfig(recipe: Pick<Recipe, 'model' | 'heads' | 'objectives'>): ModelConfig {
  if (typeof recipe.model === 'object') return withHeads(recipe.model, recipe);
  const presets: Readonly<Record<string, ModelConfig>> = PRESETS;
  const config = presets[recipe.model];
  if (!config) {
    throw new InvalidInputError(`There is no network ${recipe.model}.`, {
      expected: Object.keys(PRESETS).join(', '),
      actual: recipe.model,
    });
  }
  return withHeads(config, recipe);
}

/** File of a run that holds everything needed to go on. */
export const checkpointPath = (out: string): string => join(out, 'checkpoint.bin');

/** Means of the losses between two progress lines. */
class LossMeter {
  readonly #sums = new Map<string, { sum: number; count: number }>();

  add(tasks: readonly string[], { losses, labelled }: StepResult): void {
    tasks.forEach((task, index) => {
      if (!labelled[index]) return;
      const entry = this.#sums.get(task) ?? { sum: 0, count: 0 };
      this.#sums.set(task, { sum: entry.sum + (losses[index] as number), count: entry.count + 1 });
    });
  }

  take(): Record<string, number> {
    const means = Object.fromEntries([...this.#sums].map(([task, { sum, count }]) => [task, sum / count]));
    this.#sums.clear();
    return means;
  }
}

const minutes = (ms: number) => {
  const total = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, '0')}`;
};

/** The losses people watch, the attributes as one mean. */
function summarise(losses: Readonly<Record<string, number>>): string {
  const named = [
    ...['Age', 'Gender', 'Expression', 'Recognition', 'Relations'],
    ...['Identity', 'Identity matching', 'Identity annotation', 'Attribute annotation'],
  ];
  const shown = named.filter((task) => task in losses).map((task) => `${task} ${losses[task]?.toFixed(3)}`);
  const rest = Object.entries(losses).filter(([task]) => !named.includes(task));
  if (rest.length > 0) {
    const mean = rest.reduce((sum, [, loss]) => sum + loss, 0) / rest.length;
    shown.push(`attributes ${mean.toFixed(3)}`);
  }
  return shown.join('  ');
}

/**
 * Trains until the recipe's schedule ends, `stopAfter` is reached or `signal` aborts; always leaves a checkpoint.
 * A step whose loss or gradient is not finite changes nothing, is counted and reported.
 *
 * @throws {InvalidInputError} if the recipe, the checkpoint or the batches do not fit each other
 */
export async function train(recipe: Recipe, source: BatchSource, options: TrainOptions): Promise<TrainSummary> {
  const { out, print = () => {}, signal, checkpointMinutes = 5, stopAfter = Number.POSITIVE_INFINITY } = options;
  const config = recipeConfig(recipe);
  const checkpoint = checkpointPath(out);
  await mkdir(out, { recursive: true });
  if (!options.resume && existsSync(checkpoint)) {
    throw new InvalidInputError(`${out} already holds a run.`, { hint: 'Resume it, or choose another folder.' });
  }
  const selection = selectOutputs(config);
  const { validation } = options;
  if (recipe.validation && !validation) {
    throw new InvalidInputError('The recipe validates while training, but there are no held-out batches.');
  }
  const step = await TrainingStep.create(selection, options.initial ?? initialWeights(config, recipe.seed), recipe, {
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.identities === undefined ? {} : { identities: options.identities }),
    ...(options.identityAttributes === undefined ? {} : { identityAttributes: options.identityAttributes }),
  });
  const optimiser = await createOptimiser(step.store, recipe.optimiser, options.threads);
  let state: RunState = {
    step: 0,
    updates: 0,
    skipped: 0,
    elapsed: 0,
    source: source.state(),
    validation: INITIAL_VALIDATION,
  };
  const balance = () => {
    if (recipe.objectives.weighting === 'dynamic') step.balance = new Map(Object.entries(state.validation.weights));
  };
  if (options.resume) {
    state = await readCheckpoint(checkpoint, step.store, optimiser);
    source.restore(state.source);
    balance();
  }
  await writeFile(join(out, 'recipe.json'), `${JSON.stringify(recipe, null, 2)}\n`);
  const log = (entry: Record<string, unknown>) => appendFile(join(out, 'log.jsonl'), `${JSON.stringify(entry)}\n`);
  const events = await EventLog.create(out);
  print(
    `Training ${config.name} (${step.store.values.length.toLocaleString('en')} values) on ${step.device}, ` +
      `${recipe.batch} faces a step, from step ${state.step}.`,
  );

  const began = performance.now() - state.elapsed;
  const elapsed = () => performance.now() - began;
  // Where the data stand for the first step that is not done yet; one batch is prepared ahead of it.
  let position = source.state();
  const save = async () => {
    state = { ...state, updates: optimiser.steps, elapsed: elapsed(), source: position };
    await writeCheckpoint(checkpoint, step.store, optimiser, state);
  };
  const meter = new LossMeter();
  const last = { save: performance.now(), print: performance.now(), step: state.step };
  let taken = 0;
  let progress = progressOf(recipe.length, state.step, elapsed());
  try {
    let batch = await source.next();
    while (progress < 1 && taken < stopAfter && !signal?.aborted) {
      const rate = learningRate(recipe.optimiser, progress);
      const ahead = source.state();
      // The device works on this batch while the next one is drawn.
      const running = step.run(batch, state.step, progress);
      [batch] = await Promise.all([source.next(), running]);
      const result = await running;
      position = ahead;
      const norm = optimiser.norm(result.gradients);
      const sound = Number.isFinite(result.total) && Number.isFinite(norm);
      if (sound) {
        await optimiser.step(result.gradients, norm, rate);
        followStatistics(step, result);
        optimiser.follow();
        meter.add(step.graph.tasks, result);
      }
      state = { ...state, step: state.step + 1, skipped: state.skipped + (sound ? 0 : 1) };
      taken++;
      progress = progressOf(recipe.length, state.step, elapsed());
      if (!sound) {
        print(`Step ${state.step}: loss ${result.total}, gradient norm ${norm}; skipped (${state.skipped} so far).`);
        await log({ step: state.step, skipped: state.skipped, total: String(result.total), norm: String(norm) });
      }
      if (validation && recipe.validation && state.step % recipe.validation.every === 0) {
        const epoch = (state.step * recipe.batch) / source.samplesPerEpoch;
        const { batches } = recipe.validation;
        const measured = await validate(
          step,
          selection,
          validation,
          { batches, at: state.step, epoch },
          state.validation,
        );
        state = { ...state, validation: measured };
        balance();
        await log({ step: state.step, validation: measured });
      }
      const now = performance.now();
      if (now - last.print > 10_000 || progress >= 1) {
        const facesPerSecond = ((state.step - last.step) * recipe.batch * 1000) / (now - last.print);
        const left = (elapsed() / progress) * (1 - progress);
        const losses = meter.take();
        await log({ step: state.step, elapsed: elapsed(), progress, rate, norm, facesPerSecond, losses });
        const scalars = Object.entries(losses).map(([task, loss]) => [`loss/${task}`, loss] as const);
        await events.write(state.step, { rate, norm, facesPerSecond, ...Object.fromEntries(scalars) });
        print(
          `${(100 * progress).toFixed(1).padStart(5)} %  step ${state.step}  ${facesPerSecond.toFixed(1)} faces/s  ` +
            `${minutes(left)} left  ${summarise(losses)}`,
        );
        last.print = now;
        last.step = state.step;
      }
      if (now - last.save > checkpointMinutes * 60_000) {
        await save();
        last.save = performance.now();
      }
    }
  } finally {
    await save();
    await step.dispose();
    await optimiser.dispose();
  }
  return { step: state.step, skipped: state.skipped, finished: progress >= 1, checkpoint };
}

function followStatistics({ store }: TrainingStep, { statistics }: StepResult): void {
  for (const [name, { values, correction }] of statistics) {
    const running = store.view(name);
    for (let i = 0; i < running.length; i++) {
      const batch = (values[i] as number) * correction;
      running[i] = (1 - STATISTICS_MOMENTUM) * (running[i] as number) + STATISTICS_MOMENTUM * batch;
    }
  }
}
