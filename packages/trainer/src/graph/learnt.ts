import {
  type ModelConfig,
  networkOf,
  type OutputSelection,
  placedTasks,
  type SwinFace,
  selectOutputs,
} from '@swinface/core';
import type { Recipe } from '../recipe/recipe.js';

/** The outputs that a recipe learns: what it names, or all of them; on features of a frozen trunk every task by default. */
export const learntOutputs = (config: ModelConfig, recipe: Pick<Recipe, 'features' | 'outputs'>): OutputSelection =>
  selectOutputs(config, recipe.outputs ?? (recipe.features && placedTasks(config).map(({ task }) => task.name)));

/** What of a network is learnt: all of it, or what stands behind a frozen trunk. */
export function learntNetwork(selection: OutputSelection, { features }: Pick<Recipe, 'features'>): SwinFace {
  const network = networkOf(selection);
  if (!features) return network;
  return { ...network, weights: new Map([...network.weights].filter(([path]) => path.startsWith('subnets.'))) };
}
