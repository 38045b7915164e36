import { placedTasks, selectOutputs } from '@swinface/core';
import { syntheticInput, syntheticWeights } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Explainer } from '../../src/explain/explainer.js';
import { withHeads } from '../../src/tasks/heads.js';
import { TINY } from './support/tiny.js';

const image = syntheticInput('face', [3, TINY.image, TINY.image]).data;

describe('Grad-CAM', () => {
  let explainer: Explainer;
  beforeAll(async () => {
    explainer = await Explainer.create(selectOutputs(TINY), syntheticWeights(TINY), 1);
  });
  afterAll(() => explainer.dispose());

  test('a map of the level, its strongest place 1', async () => {
    const { side, values } = await explainer.explain(image, 'Age');
    expect(side).toBe(8);
    expect(values).toHaveLength(64);
    expect(Math.max(...values)).toBe(1);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  });

  test('tasks have maps of their own', async () => {
    const age = await explainer.explain(image, 'Age');
    const hair = await explainer.explain(image, 'Gray Hair');
    expect(hair.values).not.toEqual(age.values);
  });

  test('what does not change an answer speaks for nothing', async () => {
    const weights = new Map(syntheticWeights(TINY));
    // The gender's subnet is cut off from its answer.
    const head = weights.get('om.output_fcs.0.weight');
    weights.set('om.output_fcs.0.weight', { shape: head?.shape ?? [], data: new Float32Array(head?.data.length ?? 0) });
    const cut = await Explainer.create(selectOutputs(TINY), weights, 1);
    expect((await cut.explain(image, 'Gender')).values.every((value) => value === 0)).toBe(true);
    expect((await cut.explain(image, 'Expression')).values.some((value) => value > 0)).toBe(true);
    await cut.dispose();
  });

  test('the answer that was given is explained: who is female by what speaks for "female"', async () => {
    // Head by head, the same weights with female and male exchanged: the map stays, as the winner does.
    const head = (name: string) => `om.output_fcs.0.${name}`;
    const swapped = new Map(syntheticWeights(TINY));
    for (const part of ['weight', 'bias']) {
      const tensor = swapped.get(head(part));
      const data = tensor?.data ?? new Float32Array();
      const half = data.length / 2;
      swapped.set(head(part), {
        shape: tensor?.shape ?? [],
        data: Float32Array.from([...data.subarray(half), ...data.subarray(0, half)]),
      });
    }
    const other = await Explainer.create(selectOutputs(TINY), swapped, 1);
    expect(await other.explain(image, 'Gender')).toEqual(await explainer.explain(image, 'Gender'));
    await other.dispose();
  });

  test('a head of ranks is explained by all of its questions in doubt', async () => {
    const config = withHeads(TINY, { heads: [], age: { method: 'ordinal', ranks: 3 } });
    const weights = new Map(syntheticWeights(config));
    // Questions that answer "yes" for certain have no say; of two in doubt, both have.
    const map = async (biases: readonly [number, number]) => {
      const { index } = placedTasks(config).find(({ task }) => task.name === 'Age') ?? { index: -1 };
      weights.set(`om.output_fcs.${index}.bias`, { shape: [2], data: Float32Array.from(biases) });
      const ranks = await Explainer.create(selectOutputs(config), weights, 1);
      const { values } = await ranks.explain(image, 'Age');
      await ranks.dispose();
      return values;
    };
    const [first, second, both] = [await map([0, 60]), await map([60, 0]), await map([0, 0])];
    for (const one of [first, second]) {
      expect(one.some((value) => value > 0)).toBe(true);
      expect(both).not.toEqual(one);
    }
    expect(first).not.toEqual(second);
  });

  test('an unknown task is named', async () => {
    await expect(explainer.explain(image, 'Mood')).rejects.toThrow(/Mood/);
  });
});
