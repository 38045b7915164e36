import { InvalidInputError, type ModelConfig, PRESETS } from '@swinface/core';
import * as v from 'valibot';
import { type DataRecipe, parseDataRecipe } from './data/recipe.js';
import type { HEADS } from './heads.js';
import type { AgeRecipe } from './objectives/age.js';
import type { IdentityRecipe } from './objectives/identity.js';

/** Which losses are learnt and how they are weighted against each other. */
export interface ObjectivesRecipe {
  /** `uncertainty`: learnt log-variances (arXiv:2403.00561); `dynamic`: by the change of validation losses (arXiv:2002.03683). */
  readonly weighting: 'uniform' | 'uncertainty' | 'dynamic';
  /** Weight of a task's loss in the total by task name; `default` for the tasks not named. */
  readonly weights: Readonly<Record<string, number>> & { readonly default: number };
  readonly labelSmoothing: number;
  readonly age: AgeRecipe;
  readonly distillation: 'off' | 'cosine' | 'relational';
  /** CosFace over the identities of the training set. */
  readonly identity: 'off' | IdentityRecipe;
  /** Expressions with action units: distribution matching, soft co-annotation, or both (arXiv:2401.01219). */
  readonly coupling: 'off' | 'dm' | 'sca' | 'both';
  /** Identities with the 40 attributes, in the same ways. */
  readonly identityCoupling: 'off' | 'dm' | 'sca' | 'both';
  /** The paper's printed formula of distribution matching, or the full cross-entropy. */
  readonly couplingForm: 'full' | 'printed';
}

/** The optimiser and its schedule. */
export interface OptimiserRecipe {
  /** `muon` for the matrices inside the network, and AdamW for the rest; or AdamW for all. */
  readonly method: 'adamw' | 'muon';
  readonly learningRate: number;
  /** Learning rate at the end of the cosine. */
  readonly minimum: number;
  /** Share of the training over which the learning rate grows linearly from zero. */
  readonly warmUp: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Largest global norm of a step's gradient. */
  readonly clip: number;
  /** Decay of the exponential moving average of the weights, reached as steps / (steps + 10) grows. */
  readonly averaging: number;
}

/** What is measured on held-out batches while training. */
export interface ValidationRecipe {
  /** Steps between two measurements. */
  readonly every: number;
  /** Batches of each measurement. */
  readonly batches: number;
}

/** What exported weights say about themselves. */
export interface PassportRecipe {
  readonly licence: string;
  /** One line for each source of training data. */
  readonly trainingData: readonly string[];
  /** Lines for the model card's section on training. */
  readonly notes?: readonly string[];
}

/** Everything that decides a training run. */
export interface Recipe {
  /** Name of a preset, which becomes the name of the weights; or a network of other sizes under a name of its own. */
  readonly model: string | ModelConfig;
  /** Faces per step. */
  readonly batch: number;
  /**
   * Length of the schedule: a number of steps, which a resumed run repeats bit for bit; or minutes of wall-clock time
   * that the cosine follows, for a machine whose speed is not known.
   */
  readonly length: { readonly steps: number } | { readonly minutes: number };
  readonly seed: number;
  readonly regularisation: { readonly dropPath: number; readonly dropout: number };
  /** Parameters that stay as they are, by how their names begin: `patch_embed`, `layers.0`. */
  readonly frozen: readonly string[];
  readonly optimiser: OptimiserRecipe;
  readonly objectives: ObjectivesRecipe;
  /** Heads beyond the paper's. */
  readonly heads: readonly (keyof typeof HEADS)[];
  /** Thresholds of binary tasks: one half, or moved by validation errors (arXiv:2002.03683). */
  readonly thresholds: 'fixed' | 'adaptive';
  /** Needed by dynamic weights and adaptive thresholds. */
  readonly validation?: ValidationRecipe;
  /** Where the faces come from; read by `openTrainingSource`. */
  readonly data: DataRecipe;
  readonly passport: PassportRecipe;
}

const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());
const notNegative = v.pipe(v.number(), v.minValue(0), v.finite());
const count = v.pipe(v.number(), v.integer(), v.minValue(1));

const four = v.strictTuple([count, count, count, count]);

/** A network of other sizes than the presets'; tasks and everything else are the paper's. */
const networkSchema = v.pipe(
  // Not strict: the whole config that a run writes beside its checkpoint is read by its sizes.
  v.object({
    name: v.string(),
    embed: count,
    depths: four,
    heads: four,
    feature: count,
    embedding: v.exactOptional(count),
    split: four,
  }),
  v.check(({ split, feature }) => split.reduce((sum, part) => sum + part, 0) === feature, 'split adding up to feature'),
  v.transform((sizes): ModelConfig => ({ ...PRESETS['swinface-nano'], ...sizes })),
);

const recipeSchema = v.strictObject({
  model: v.union([v.string(), networkSchema]),
  batch: count,
  length: v.union([v.strictObject({ steps: count }), v.strictObject({ minutes: positive })]),
  seed: v.pipe(v.number(), v.safeInteger()),
  regularisation: v.strictObject({ dropPath: v.pipe(share, v.ltValue(1)), dropout: v.pipe(share, v.ltValue(1)) }),
  frozen: v.optional(v.array(v.pipe(v.string(), v.minLength(1))), []),
  optimiser: v.strictObject({
    method: v.optional(v.picklist(['adamw', 'muon']), 'adamw'),
    learningRate: positive,
    minimum: notNegative,
    warmUp: v.pipe(share, v.ltValue(1)),
    weightDecay: notNegative,
    beta1: v.pipe(share, v.ltValue(1)),
    beta2: v.pipe(share, v.ltValue(1)),
    clip: positive,
    averaging: v.pipe(share, v.ltValue(1)),
  }),
  objectives: v.strictObject({
    weighting: v.picklist(['uniform', 'uncertainty', 'dynamic']),
    weights: v.objectWithRest({ default: notNegative }, notNegative),
    labelSmoothing: v.pipe(share, v.ltValue(1)),
    age: v.strictObject({
      method: v.optional(v.picklist(['regression', 'ordinal']), 'regression'),
      ranks: v.optional(v.pipe(count, v.minValue(2)), 101),
      loss: v.picklist(['swinface', 'absolute']),
      sigma: positive,
      ramp: share,
      centre: v.number(),
      spread: positive,
    }),
    distillation: v.picklist(['off', 'cosine', 'relational']),
    identity: v.optional(
      v.union([v.literal('off'), v.strictObject({ scale: positive, margin: notNegative, sampling: share })]),
      'off',
    ),
    coupling: v.optional(v.picklist(['off', 'dm', 'sca', 'both']), 'off'),
    identityCoupling: v.optional(v.picklist(['off', 'dm', 'sca', 'both']), 'off'),
    couplingForm: v.optional(v.picklist(['full', 'printed']), 'full'),
  }),
  heads: v.optional(v.array(v.picklist(['action-units', 'landmarks', 'race'])), []),
  thresholds: v.optional(v.picklist(['fixed', 'adaptive']), 'fixed'),
  validation: v.exactOptional(v.strictObject({ every: count, batches: count })),
  data: v.unknown(),
  passport: v.strictObject({
    licence: v.pipe(v.string(), v.minLength(1)),
    trainingData: v.array(v.string()),
    notes: v.exactOptional(v.array(v.string())),
  }),
});

/**
 * Checks a recipe read from a file.
 *
 * @throws {InvalidInputError} naming the first field that is missing or wrong
 */
export function parseRecipe(value: unknown): Recipe {
  const result = v.safeParse(recipeSchema, value);
  if (!result.success) {
    const [issue] = result.issues;
    throw new InvalidInputError(`The recipe's ${v.getDotPath(issue) ?? 'content'} is wrong.`, {
      expected: issue.expected ?? issue.message,
      actual: issue.received,
    });
  }
  const recipe = { ...result.output, data: parseDataRecipe(result.output.data) };
  const { objectives, thresholds, validation, heads } = recipe;
  const wrong = (what: string, expected: string) => new InvalidInputError(`The recipe's ${what}.`, { expected });
  if ((objectives.weighting === 'dynamic' || thresholds === 'adaptive') && !validation) {
    throw wrong('dynamic weights and adaptive thresholds are measured', 'validation: { every, batches }');
  }
  if (objectives.coupling !== 'off' && !heads.includes('action-units')) {
    throw wrong('coupling is with action units', 'heads to include action-units');
  }
  if (objectives.distillation === 'off' && objectives.identity === 'off') {
    throw wrong('nothing teaches recognition', 'objectives.distillation or objectives.identity to be on');
  }
  if (objectives.identityCoupling !== 'off' && objectives.identity === 'off') {
    throw wrong('attributes are coupled with identities', 'objectives.identity: { scale, margin, sampling }');
  }
  if (objectives.identity !== 'off' && !recipe.data.parts.some(({ identities }) => identities)) {
    throw wrong('identities are learnt from faces', '"identities": true in a part of its data');
  }
  return recipe;
}
