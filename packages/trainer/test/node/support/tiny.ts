import { embeddingLength, type ModelConfig, PRESETS, type SwinConfig } from '@swinface/core';
import { SOFTMAX_TASKS } from '../../../src/data/class-labels.js';
import { ATTRIBUTE_TASKS } from '../../../src/data/labels.js';
import { Random } from '../../../src/data/random.js';
import type { Recipe } from '../../../src/recipe/recipe.js';
import type { BatchSource, TrainingBatch } from '../../../src/tasks/batch.js';
import { ACTION_UNITS, ACTION_UNITS_TASK, LANDMARKS } from '../../../src/tasks/heads.js';
import { normalizeRows } from '../../../src/teacher/embed.js';

/** The smallest network with every part of the real one: two windows a side, a shifted block, four levels, eleven subnets. */
export const TINY: SwinConfig = {
  ...PRESETS['swinface-nano'],
  name: 'tiny',
  image: 32,
  window: 2,
  embed: 4,
  depths: [2, 1, 1, 1],
  heads: [1, 2, 2, 2],
  feature: 8,
  embedding: 12,
  split: [1, 2, 2, 3],
  reduction: 2,
};

/** A recipe for {@link TINY} on made-up data. */
export const tinyRecipe = (changes: Partial<Recipe> = {}): Recipe => ({
  model: TINY,
  batch: 4,
  length: { steps: 6 },
  seed: 3,
  regularization: { dropPath: 0.2, dropout: 0.3 },
  frozen: [],
  optimizer: {
    method: 'adamw',
    learningRate: 0.01,
    minimum: 0.0001,
    warmUp: 0.2,
    weightDecay: 0.05,
    beta1: 0.9,
    beta2: 0.99,
    clip: 1,
    averaging: 0.9,
  },
  objectives: {
    weighting: 'uncertainty',
    weights: { default: 1, Age: 0.1 },
    labelSmoothing: 0.1,
    age: { method: 'regression', ranks: 101, loss: 'swinface', sigma: 3, ramp: 1, centre: 40, spread: 20 },
    distillation: 'relational',
    identity: 'off',
    coupling: 'off',
    identityCoupling: 'off',
    couplingForm: 'soft-target',
  },
  heads: [],
  thresholds: 'fixed',
  data: { seed: 0, cache: '', parts: [] },
  passport: { licence: 'none', trainingData: [] },
  ...changes,
});

/** Identities of {@link TinySource} and p(attribute | identity); of some, nothing is known. */
export const TINY_IDENTITIES = {
  identities: 20,
  identityAttributes: Float32Array.from({ length: 20 * ATTRIBUTE_TASKS.length }, (_, at) =>
    at % 7 === 0 ? Number.NaN : (at % 5) / 4,
  ),
};

/** A recipe with every method of the papers switched on. */
export const everythingRecipe = (changes: Partial<Recipe> = {}): Recipe => {
  const plain = tinyRecipe();
  return {
    ...plain,
    heads: ['action-units', 'landmarks'],
    thresholds: 'adaptive',
    validation: { every: 2, batches: 2 },
    objectives: {
      ...plain.objectives,
      age: { ...plain.objectives.age, method: 'ordinal', ranks: 12 },
      identity: { scale: 8, margin: 0.4, sampling: 0.3 },
      coupling: 'both',
      identityCoupling: 'both',
    },
    ...changes,
  };
};

/** Random faces with random labels, the same for the same seed and step; some labels are missing. */
export class TinySource implements BatchSource {
  readonly samplesPerEpoch = 64;
  #step = 0;

  constructor(
    private readonly batch = 4,
    private readonly poisoned: readonly number[] = [],
    private readonly config: Pick<ModelConfig, 'image' | 'feature' | 'embedding'> = TINY,
  ) {}

  async next(): Promise<TrainingBatch> {
    const random = new Random(11, this.#step);
    const { batch } = this;
    const { image: side } = this.config;
    const length = embeddingLength(this.config);
    const floats = (length: number, value: () => number) => Float32Array.from({ length }, value);
    const weight = () => floats(batch, () => (random.uniform() < 0.3 ? 0 : random.uniform(0.5, 1)));
    const softmax = Object.fromEntries(
      SOFTMAX_TASKS.map(({ name, logits }) => {
        const target = floats(batch * logits, () => random.uniform());
        for (let face = 0; face < batch; face++) {
          const row = target.subarray(face * logits, (face + 1) * logits);
          const total = row.reduce((sum, value) => sum + value, 0);
          row.forEach((value, k) => {
            row[k] = value / total;
          });
        }
        return [name, { target, weight: weight() }];
      }),
    );
    const target = floats(batch * length, () => random.normal());
    normalizeRows(target, length);
    const images = floats(batch * 3 * side * side, () => random.uniform(-1, 1));
    if (this.poisoned.includes(this.#step)) images[5] = Number.NaN;
    this.#step++;
    return {
      count: batch,
      images,
      softmax,
      age: { years: floats(batch, () => random.uniform(1, 90)), weight: floats(batch, () => 1) },
      embedding: { target, weight: weight() },
      identity: {
        label: Int32Array.from({ length: batch }, () => random.integer(TINY_IDENTITIES.identities)),
        weight: weight(),
      },
      sigmoid: {
        [ACTION_UNITS_TASK]: {
          target: floats(batch * ACTION_UNITS.length, () => random.integer(2)),
          weight: weight(),
        },
      },
      regression: {
        Landmarks: { target: floats(batch * 2 * LANDMARKS, () => random.uniform(-1, 1)), weight: weight() },
      },
    };
  }

  state(): unknown {
    return { step: this.#step };
  }

  restore(state: unknown): void {
    this.#step = (state as { step: number }).step;
  }
}
