/** Damaged recipes, studies and checkpoints of runs. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '@swinface/core';
import { type FuzzTarget, mutateBytes, mutateJson } from '@swinface/testing';
import { parseCheckpoint } from '../../src/engine/checkpoint.js';
import { parseJson } from '../../src/files/read.js';
import { recipeConfig } from '../../src/recipe/config.js';
import { parseRecipe } from '../../src/recipe/recipe.js';

const STATE = {
  step: 6,
  updates: 5,
  skipped: 1,
  elapsed: 1234.5,
  source: { step: 6, seed: 3 },
  validation: { losses: { Age: 1.5, Gender: null }, weights: { Age: 1 }, thresholds: { Bald: 0.5 } },
};

/** Length, header, tensors. */
function checkpointOf(header: Buffer, tensors: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, tensors]);
}

/** The targets, on a recipe that is handed out and a small checkpoint. */
export async function runTargets(): Promise<FuzzTarget[]> {
  const text = await readFile(fileURLToPath(new URL('../../recipes/swinface-nano.json', import.meta.url)));
  const json: unknown = JSON.parse(text.toString());
  const tensor = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const tensors = writeSafetensors(
    new Map([
      ['value.a', tensor],
      ['average.a', tensor],
    ]),
    'F32',
  );
  const checkpoint = checkpointOf(Buffer.from(JSON.stringify(STATE)), tensors);
  const read = (recipe: string) => {
    const { value, where } = parseJson(recipe, 'damaged.json');
    return recipeConfig(parseRecipe(value, where));
  };
  return [
    {
      name: 'recipe, its text',
      make: (random) => {
        const damaged = mutateBytes(random, text).toString();
        return async () => read(damaged);
      },
    },
    {
      name: 'recipe, its fields',
      make: (random) => {
        const damaged = JSON.stringify(mutateJson(random, json), null, 1) ?? '';
        return async () => read(damaged);
      },
    },
    {
      name: 'checkpoint of a run, its bytes',
      make: (random) => {
        const damaged = mutateBytes(random, checkpoint, checkpoint, [0, 4]);
        return async () => parseCheckpoint(damaged, 'checkpoint.bin');
      },
    },
    {
      name: 'checkpoint of a run, its header',
      make: (random) => {
        const header = Buffer.from(JSON.stringify(mutateJson(random, STATE)) ?? '');
        return async () => parseCheckpoint(checkpointOf(header, tensors), 'checkpoint.bin');
      },
    },
  ];
}
