import { InvalidInputError, type ModelConfig, PRESETS } from '@swinface/core';
import { withHeads } from '../tasks/heads.js';
import type { Recipe } from './recipe.js';

/**
 * The network that a recipe names, with the heads that it asks for.
 *
 * @throws {InvalidInputError} if no preset has the name
 */
export function recipeConfig(recipe: Pick<Recipe, 'model' | 'heads' | 'objectives'>): ModelConfig {
  const choices = { heads: recipe.heads, age: recipe.objectives.age };
  if (typeof recipe.model === 'object') return withHeads(recipe.model, choices);
  const presets: Readonly<Record<string, ModelConfig>> = PRESETS;
  const config = Object.hasOwn(presets, recipe.model) ? presets[recipe.model] : undefined;
  if (!config) {
    throw new InvalidInputError(`There is no network ${recipe.model}.`, {
      expected: Object.keys(PRESETS).join(', '),
      actual: recipe.model,
    });
  }
  return withHeads(config, choices);
}
