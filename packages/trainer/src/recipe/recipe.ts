import { InvalidInputError, type ModelConfig, PRESETS } from '@swinface/core';
import * as v from 'valibot';
import type { Augmentation } from '../data/augment.js';
import type { JsonPath } from '../files/read.js';
import { type HeadName, LANDMARKS_TASK } from '../tasks/heads.js';
import { augmentationSchema, type DataRecipe, dataSchema } from './data.js';
import { check, count, type Locate, notNegative, positive, share, shareBelowOne, text } from './schema.js';

/** How the error of an age d in years is punished. */
export interface AgeRecipe {
  /** `regression` of the years, or `ordinal`: one question "older than k?" for each year k below `ranks` (arXiv:2403.00561). */
  readonly method: 'regression' | 'ordinal';
  readonly ranks: number;
  /**
   * `swinface`: (1 - l)/2 d^2 + l (1 - exp(-d^2 / (2 sigma^2))), l growing from 0 to `ramp`;
   * `absolute`: sqrt(1 + d^2) - 1, which leans to the median as the mean absolute error does.
   */
  readonly loss: 'swinface' | 'absolute';
  /** Of labels that come without one of their own. */
  readonly sigma: number;
  readonly ramp: number;
  /** The network learns (age - centre) / spread; the export folds both into its last layer. */
  readonly centre: number;
  readonly spread: number;
}

/** CosFace over the identities of the training set. */
export interface IdentityRecipe {
  /** s: what cosines are multiplied by before the softmax. */
  readonly scale: number;
  /** m: what a face's own cosine is lowered by. */
  readonly margin: number;
  /** Share of the identities whose centres take part in a step (Partial FC, arXiv:2203.15565); those of the batch always do. */
  readonly sampling: number;
}

/**
 * How a forecast q and a prediction p are compared (arXiv:2401.01219): `printed` is the paper's -p log q, which p -> 0
 * lowers by itself. `soft-target` is what the paper says in words, cross-entropy with soft targets in the spirit of
 * distillation: q is what p should be, and each term is least where p equals q.
 */
export type CouplingForm = 'soft-target' | 'printed';

/** Which losses are learnt and how they are weighted against each other. */
export interface ObjectivesRecipe {
  /**
   * `uncertainty`: learnt log-variances (arXiv:2403.00561). Of attributes alone, by their validation losses: `dynamic`
   * (arXiv:2002.03683), and `dwa` (arXiv:1803.10704) to compare with.
   */
  readonly weighting: 'uniform' | 'uncertainty' | 'dynamic' | 'dwa';
  /**
   * Weight of a task's loss in the total by task name; `default` for the tasks not named, but 0.5 for landmarks, the
   * paper's beta.
   */
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
  /** The form of both couplings. */
  readonly couplingForm: CouplingForm;
}

/** The optimiser and its schedule. */
export interface OptimizerRecipe {
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

/** A trunk that stays as it is, whose feature maps of every face are computed once and kept. */
export interface FeaturesRecipe {
  /** Its weights: path of an ONNX file, or "package/path" of a file in an installed npm package. */
  readonly trunk: string;
  /** How faces are seen: each view is the plain crop, varied by what it names, the same every time. */
  readonly views: readonly Partial<Augmentation>[];
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
  readonly regularization: { readonly dropPath: number; readonly dropout: number };
  /** Outputs that are learnt, all by default; with `features` the tasks. */
  readonly outputs?: readonly string[];
  /** Learns what stands behind a frozen trunk, from its feature maps. */
  readonly features?: FeaturesRecipe;
  /** Parameters that stay as they are, by how their names begin: `patch_embed`, `layers.0`. */
  readonly frozen: readonly string[];
  readonly optimizer: OptimizerRecipe;
  readonly objectives: ObjectivesRecipe;
  /** Heads beyond the paper's. */
  readonly heads: readonly HeadName[];
  /** Thresholds of binary tasks: one half, or moved by validation errors (arXiv:2002.03683). */
  readonly thresholds: 'fixed' | 'adaptive';
  /** Needed by weights that follow validation losses and adaptive thresholds. */
  readonly validation?: ValidationRecipe;
  /** Where the faces come from; read by `openTrainingSource`. */
  readonly data: DataRecipe;
  readonly passport: PassportRecipe;
}

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
  regularization: v.strictObject({ dropPath: shareBelowOne, dropout: shareBelowOne }),
  outputs: v.exactOptional(v.pipe(v.array(text), v.minLength(1))),
  features: v.exactOptional(
    v.strictObject({ trunk: text, views: v.pipe(v.array(augmentationSchema), v.minLength(1), v.maxLength(16)) }),
  ),
  frozen: v.optional(v.array(text), []),
  optimizer: v.strictObject({
    method: v.optional(v.picklist(['adamw', 'muon']), 'adamw'),
    learningRate: positive,
    minimum: notNegative,
    warmUp: shareBelowOne,
    weightDecay: notNegative,
    beta1: shareBelowOne,
    beta2: shareBelowOne,
    clip: positive,
    averaging: shareBelowOne,
  }),
  objectives: v.strictObject({
    weighting: v.picklist(['uniform', 'uncertainty', 'dynamic', 'dwa']),
    weights: v.objectWithRest({ default: notNegative, [LANDMARKS_TASK]: v.optional(notNegative, 0.5) }, notNegative),
    labelSmoothing: shareBelowOne,
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
    couplingForm: v.optional(v.picklist(['soft-target', 'printed', 'full']), 'soft-target'),
  }),
  heads: v.optional(v.array(v.picklist(['action-units', 'landmarks', 'race'])), []),
  thresholds: v.optional(v.picklist(['fixed', 'adaptive']), 'fixed'),
  validation: v.exactOptional(v.strictObject({ every: count, batches: count })),
  data: dataSchema,
  passport: v.strictObject({
    licence: text,
    trainingData: v.array(v.string()),
    notes: v.exactOptional(v.array(v.string())),
  }),
});

/** Whether the attributes' weights follow validation losses. */
export const isMeasured = (weighting: ObjectivesRecipe['weighting']): boolean =>
  weighting === 'dynamic' || weighting === 'dwa';

/**
 * Checks a recipe read from a file.
 *
 * @param locate where a part of it stands, for messages: FILE:LINE
 * @throws {InvalidInputError} naming the first field that is missing, unknown or wrong, or settings that contradict each other
 */
export function parseRecipe(value: unknown, locate: Locate = () => 'The recipe'): Recipe {
  const recipe = check(recipeSchema, value, 'recipe', locate);
  const { objectives, thresholds, validation, heads } = recipe;
  const wrong = (path: JsonPath, what: string, expected: string) =>
    new InvalidInputError(`${locate(path)}: ${what}.`, { expected });
  if ((isMeasured(objectives.weighting) || thresholds === 'adaptive') && !validation) {
    throw wrong(
      ['validation'],
      'dynamic weights and adaptive thresholds are measured',
      'validation: { every, batches }',
    );
  }
  if (objectives.coupling !== 'off' && !heads.includes('action-units')) {
    throw wrong(['objectives', 'coupling'], 'coupling is with action units', 'heads to include action-units');
  }
  const { couplingForm } = objectives;
  const coupled = objectives.coupling !== 'off' || objectives.identityCoupling !== 'off';
  if (couplingForm === 'full' && coupled) {
    // It was linear in the prediction, which ran to 0 or 1 and never to the forecast.
    throw wrong(['objectives', 'couplingForm'], 'the form "full" is no longer learnt', '"soft-target" or "printed"');
  }
  const { features } = recipe;
  if (features && (objectives.distillation !== 'off' || objectives.identity !== 'off')) {
    throw wrong(
      ['features'],
      'a frozen trunk keeps its identity',
      'objectives.distillation and objectives.identity off',
    );
  }
  if (!features && objectives.distillation === 'off' && objectives.identity === 'off') {
    throw wrong(
      ['objectives'],
      'nothing teaches recognition',
      'objectives.distillation or objectives.identity to be on',
    );
  }
  if (objectives.identityCoupling !== 'off' && objectives.identity === 'off') {
    throw wrong(
      ['objectives', 'identityCoupling'],
      'attributes are coupled with identities',
      'objectives.identity: { scale, margin, sampling }',
    );
  }
  if (objectives.identity !== 'off' && !recipe.data.parts.some(({ identities }) => identities)) {
    throw wrong(['data', 'parts'], 'identities are learnt from faces', '"identities": true in a part of its data');
  }
  // Recipes of runs without coupling name the former default.
  return {
    ...recipe,
    objectives: { ...objectives, couplingForm: couplingForm === 'full' ? 'soft-target' : couplingForm },
  };
}
