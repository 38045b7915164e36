import { readJson } from '../files/read.js';
import { parseRecipe, type Recipe } from './recipe.js';

/**
 * Reads a recipe.
 *
 * @throws {InvalidInputError} if there is no such file, or naming the line that is malformed or wrong
 */
export async function readRecipe(path: string): Promise<Recipe> {
  const { value, where } = await readJson(
    path,
    'a recipe as JSON',
    'recipes/swinface-nano.json, beside the trainer, is one to start from.',
  );
  return parseRecipe(value, where);
}
