import { embeddingLength, InvalidInputError, type OutputSelection } from '@swinface/core';
import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { ObjectivesRecipe } from '../recipe/recipe.js';
import { AgeRegression } from './age.js';
import { Classification } from './classification.js';
import { DistributionMatching, SoftCoAnnotation } from './coupling.js';
import { Distillation } from './distillation.js';
import { CosFace } from './identity.js';
import { CoupledIdentity } from './identity-coupling.js';
import type { Objective, ObjectiveParameter, RecordingContext } from './objective.js';
import { OrdinalAge, Questions, Values } from './questions.js';

/** Sizes that objectives depend on. */
export interface ObjectiveSizes {
  /** Faces per step. */
  readonly batch: number;
  /** Number of identities in the training set. */
  readonly identities: number;
  /** p(attribute | identity) [identities, 40], NaN where no training face says it; coupling them needs it. */
  readonly identityAttributes?: Float32Array;
}

/**
 * The objectives that a recipe switches on, for the heads that the network has.
 *
 * @throws {InvalidInputError} if identities are coupled with attributes that are not given
 */
export function createObjectives(
  selection: OutputSelection,
  recipe: ObjectivesRecipe,
  { batch, identities, identityAttributes }: ObjectiveSizes,
): Objective[] {
  const objectives: Objective[] = [new Classification(selection, recipe.labelSmoothing)];
  let expressions: readonly string[] = [];
  for (const { task } of selection.tasks) {
    if (task.name === 'Expression') expressions = task.labels ?? [];
    if (task.name === 'Age') {
      objectives.push(task.kind === 'ordinal' ? new OrdinalAge(task.logits + 1) : new AgeRegression(recipe.age));
    } else if (task.kind === 'sigmoid') objectives.push(new Questions(task.name, task.logits));
    else if (task.kind === 'regression') objectives.push(new Values(task.name, task.logits));
  }
  if (recipe.distillation !== 'off') objectives.push(new Distillation(recipe.distillation === 'relational'));
  if (recipe.identity !== 'off') {
    const cosFace = new CosFace(recipe.identity, identities, batch, embeddingLength(selection.config));
    const { identityCoupling: coupling, couplingForm: form } = recipe;
    if (coupling !== 'off' && !identityAttributes) {
      throw new InvalidInputError('Identities cannot be coupled with attributes that were not counted.', {
        expected: 'the attributes of the training identities',
        hint: 'Pass what openTrainingSource gives as identityAttributes.',
      });
    }
    objectives.push(
      coupling === 'off' || !identityAttributes
        ? cosFace
        : new CoupledIdentity(cosFace, { coupling, form, attributes: identityAttributes }),
    );
  }
  if (recipe.coupling === 'dm' || recipe.coupling === 'both') {
    objectives.push(new DistributionMatching(expressions, recipe.couplingForm));
  }
  if (recipe.coupling === 'sca' || recipe.coupling === 'both') {
    objectives.push(new SoftCoAnnotation(expressions, recipe.couplingForm));
  }
  return objectives;
}

/** Name of the learnt log-variances among the parameters. */
export const LOG_VARIANCES = 'objectives.log_variances';

/** What is learnt beside the network. */
export function objectiveParameters(
  objectives: readonly Objective[],
  weighting: ObjectivesRecipe['weighting'],
): ObjectiveParameter[] {
  const own = objectives.flatMap(({ parameters }) => parameters ?? []);
  if (weighting !== 'uncertainty') return own;
  const tasks = objectives.reduce((sum, objective) => sum + objective.tasks.length, 0);
  return [...own, { name: LOG_VARIANCES, shape: [tasks], deviation: 0 }];
}

/** The losses of all tasks and their weighted sum. */
export interface RecordedLosses {
  readonly tasks: readonly string[];
  readonly losses: OnnxValue; // [T]
  readonly total: OnnxValue; // [1]
}

/**
 * Records every objective and the total: sum of w_t L_t, or with uncertainty weighting sum of
 * w_t (exp(-s_t) L_t + s_t / 2) with learnt s_t (arXiv:2403.00561; s = log sigma^2, so log sigma = s / 2).
 * `task.weight` [T] comes from the host, zero for tasks without labels in the batch.
 */
export function recordLosses(
  context: RecordingContext,
  objectives: readonly Objective[],
  weighting: ObjectivesRecipe['weighting'],
): RecordedLosses {
  const { graph } = context;
  const tasks = objectives.flatMap((objective) => objective.tasks);
  const each = objectives.map((objective) => objective.record(context));
  const losses = p.concat(graph, each, 0);
  const weight = graph.input('task.weight', [tasks.length]);
  if (weighting !== 'uncertainty') {
    return { tasks, losses, total: p.reduceSum(graph, p.mul(graph, losses, weight), [0]) };
  }
  const logVariances = context.parameter(LOG_VARIANCES);
  const precise = p.mul(graph, p.exp(graph, p.neg(graph, logVariances)), losses);
  const balanced = p.add(graph, precise, p.mul(graph, logVariances, graph.scalar(0.5)));
  return { tasks, losses, total: p.reduceSum(graph, p.mul(graph, balanced, weight), [0]) };
}

export type { Feed, Objective, ObjectiveParameter } from './objective.js';
