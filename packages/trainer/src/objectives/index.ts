import type { OutputSelection } from '@swinface/core';
import { type OnnxValue, primitives as p } from '@swinface/core/onnx';
import type { ObjectivesRecipe } from '../recipe.js';
import { AgeRegression } from './age.js';
import { Classification } from './classification.js';
import { Distillation } from './distillation.js';
import type { Objective, RecordingContext } from './objective.js';

/** The objectives that a recipe switches on. */
export function createObjectives(selection: OutputSelection, recipe: ObjectivesRecipe): Objective[] {
  const objectives: Objective[] = [new Classification(selection, recipe.labelSmoothing), new AgeRegression(recipe.age)];
  if (recipe.distillation !== 'off') objectives.push(new Distillation(recipe.distillation === 'relational'));
  return objectives;
}

/** Names of the losses that a recipe switches on, in the order of the graph's output. */
export const learntTasks = (selection: OutputSelection, recipe: ObjectivesRecipe): string[] =>
  createObjectives(selection, recipe).flatMap(({ tasks }) => tasks);

/** The losses of all tasks and their weighted sum. */
export interface RecordedLosses {
  readonly tasks: readonly string[];
  readonly losses: OnnxValue; // [T]
  readonly total: OnnxValue; // [1]
  /** Learnt log-variances of the tasks [T]; with uncertainty weighting only. */
  readonly logVariances?: OnnxValue;
}

/** Name of the learnt log-variances among the parameters. */
export const LOG_VARIANCES = 'objectives.log_variances';

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
  const losses = p.concat(
    graph,
    objectives.map((objective) => objective.record(context)),
    0,
  );
  const weight = graph.input('task.weight', [tasks.length]);
  if (weighting !== 'uncertainty') {
    return { tasks, losses, total: p.reduceSum(graph, p.mul(graph, losses, weight), [0]) };
  }
  const logVariances = graph.input(LOG_VARIANCES, [tasks.length]);
  const precise = p.mul(graph, p.exp(graph, p.neg(graph, logVariances)), losses);
  const each = p.add(graph, precise, p.mul(graph, logVariances, graph.scalar(0.5)));
  return { tasks, losses, total: p.reduceSum(graph, p.mul(graph, each, weight), [0]), logVariances };
}

export type { Feed, Objective, ObjectiveFeeds } from './objective.js';
