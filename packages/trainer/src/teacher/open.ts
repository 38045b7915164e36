import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { type Dataset, inSplit } from '../data/samples.js';
import type { DataRecipe } from '../recipe/data.js';
import { type Embeddings, teacherEmbeddings } from './embed.js';
import { fitProjection, project } from './pca.js';

/** Finds a recipe's teacher: a path as it is, else a file of an installed package. */
export function resolveModel(model: string): string {
  if (/^([./\\]|[A-Za-z]:)/.test(model)) return model;
  const [name = '', ...rest] = model.split('/');
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    const path = join(folder, name, ...rest);
    if (existsSync(path)) return path;
  }
  throw new InvalidInputError(`The teacher ${model} is not installed.`, { hint: `Run npm install ${name}.` });
}

/** Teacher embeddings of every list that asks for them, projected onto `dims` directions fitted on the training faces of
 * the parts with the largest `embeddingWeight`. */
export async function openTeacher(
  recipe: DataRecipe,
  { model, dims }: { readonly model: string; readonly dims: number },
  dataset: (list: string) => Promise<Dataset>,
  log: (line: string) => void,
): Promise<Map<string, Float32Array>> {
  const path = resolveModel(model);
  const weights = new Map<string, number>();
  for (const { list, embeddingWeight = 0 } of recipe.parts) {
    if (embeddingWeight > 0) weights.set(list, Math.max(embeddingWeight, weights.get(list) ?? 0));
  }
  const lists = [...weights.keys()];
  // Faces that count for less, because the teacher is less sure of them, must not choose the directions.
  const deciding = lists.filter((list) => weights.get(list) === Math.max(...weights.values()));
  const full = new Map<string, Embeddings>();
  let [count, from] = [0, 0];
  for (const list of lists) {
    const data = await dataset(list);
    const embeddings = await teacherEmbeddings(path, data, recipe.cache, (done, total) => {
      if (done % 1024 === 0) log(`${data.name}: teacher saw ${done} of ${total} faces`);
    });
    full.set(list, embeddings);
    from = embeddings.dims;
    if (deciding.includes(list)) count += inSplit(data, 'train').length;
  }
  const train = new Float32Array(count * from);
  let at = 0;
  for (const list of deciding) {
    const { values } = full.get(list) as Embeddings;
    for (const i of inSplit(await dataset(list), 'train')) {
      train.set(values.subarray(i * from, (i + 1) * from), at);
      at += from;
    }
  }
  if (dims > from) {
    throw new InvalidInputError('The student embedding is longer than the teacher can fill.', {
      expected: `at most ${from} dimensions`,
      actual: `${dims}`,
    });
  }
  log(`teacher: ${from} dimensions to ${dims}, fitted on ${count} faces`);
  const projection = fitProjection(train, from, dims, Array(count).keys());
  return new Map([...full].map(([list, { values }]) => [list, project(values, projection)]));
}
