import { selectOutputs } from '@swinface/core';
import { syntheticInput, syntheticWeights } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Explainer } from '../../src/explain.js';
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

  test('an unknown task is named', async () => {
    await expect(explainer.explain(image, 'Mood')).rejects.toThrow(/Mood/);
  });
});
