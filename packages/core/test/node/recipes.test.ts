import { assembleWeights, foldWeights, type HostTensor, isHostTensor, mapWeights, selectOutputs } from '@swinface/core';
import { syntheticWeights } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import type { Recipe } from '../../src/weights/assemble.js';
import { foldedRecipes } from '../../src/weights/fold.js';
import { neededTensors } from '../../src/weights/names.js';
import { TINY } from '../tfjs/tiny.js';

const weights = syntheticWeights(TINY);
const isRecipe = (value: unknown): value is Recipe => typeof value === 'object' && value !== null && 'make' in value;

describe.each([undefined, ['Recognition'], ['Age', 'Smiling'], ['Young']].map((outputs) => ({ outputs })))(
  'recipes for $outputs',
  ({ outputs }) => {
    const selection = selectOutputs(TINY, outputs);
    const recipes = new Map<string, Recipe>();
    mapWeights(foldedRecipes(selection), isRecipe, (recipe, path) => recipes.set(path, recipe));
    const whole = new Map<string, HostTensor>();
    mapWeights(foldWeights(assembleWeights(selection, weights)), isHostTensor, (tensor, path) =>
      whole.set(path, tensor),
    );

    test('make what assembling and folding all at once makes, to the bit', () => {
      expect([...recipes.keys()].sort()).toEqual([...whole.keys()].sort());
      for (const [path, { shape, sources, make }] of recipes) {
        const asked = new Set<string>();
        const made = make((source) => {
          asked.add(source);
          return weights.get(source) as HostTensor;
        });
        expect(made, path).toEqual(whole.get(path));
        expect(shape, path).toEqual(made.shape);
        for (const source of asked) expect(sources, path).toContain(source);
      }
    });

    test('name every tensor that is needed, and no other', () => {
      const named = new Set([...recipes.values()].flatMap(({ sources }) => sources));
      expect([...named].sort()).toEqual([...neededTensors(selection)].sort());
    });
  },
);

test('both halves of a fold are right in any order, and when asked again', () => {
  const selection = selectOutputs(TINY);
  const expected = foldWeights(assembleWeights(selection, weights)).recognition?.feature[0];
  const layer = foldedRecipes(selection).recognition?.feature[0];
  const tensor = (name: string) => weights.get(name) as HostTensor;
  for (const half of ['bias', 'weight', 'weight', 'weight', 'bias', 'bias'] as const) {
    expect(layer?.[half]?.make(tensor), half).toEqual(expected?.[half]);
  }
});
