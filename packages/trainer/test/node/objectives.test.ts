import { selectOutputs } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import { adaptThreshold, averagedWeights, binaryErrors, dynamicWeights } from '../../src/engine/validation.js';
import { AgeRegression } from '../../src/objectives/age.js';
import {
  annotate,
  DistributionMatching,
  SoftCoAnnotation,
  unitsOf,
  voteWeights,
} from '../../src/objectives/coupling.js';
import { Distillation } from '../../src/objectives/distillation.js';
import { CosFace } from '../../src/objectives/identity.js';
import { OrdinalAge, Values } from '../../src/objectives/questions.js';
import { recipeConfig } from '../../src/recipe/config.js';
import { parseRecipe } from '../../src/recipe/recipe.js';
import { ACTION_UNITS, ACTION_UNITS_TASK, LANDMARKS_TASK } from '../../src/tasks/heads.js';
import { BATCH, batchOf, CONFIG, floats, logitsOf, losses, SELECTION } from './support/losses.js';
import { everythingRecipe, TINY, tinyRecipe } from './support/tiny.js';

const COSFACE = { scale: 8, margin: 0.4, sampling: 0.3 };
const EXPRESSIONS = ['surprise', 'fear', 'disgust', 'happiness', 'sadness', 'anger', 'neutral'];

const logistic = (x: number) => 1 / (1 + Math.exp(-x));
const close = (actual: number | undefined, expected: number) => expect(actual).toBeCloseTo(expected, 5);

describe('age', () => {
  const age = { years: Float32Array.of(30, 50, 70), weight: Float32Array.of(1, 0, 1) };

  test("SwinFace's loss: quadratic at first, a bell at the end, unlabelled faces left out", () => {
    const plain = selectOutputs(TINY);
    const recipe = { ...tinyRecipe().objectives.age, centre: 40, spread: 10 };
    const logits = logitsOf({ Age: [[-0.8], [9], [2.5]] }, plain); // 32, 130, 65 years: 2 too old, ignored, 5 too young
    for (const progress of [0, 0.25, 1]) {
      const each = [2, -5].map((d) => ((1 - progress) / 2) * d * d + progress * (1 - Math.exp((-d * d) / 18)));
      const [loss] = losses(new AgeRegression(recipe), batchOf({ age }), { logits, progress, selection: plain });
      close(loss, ((each[0] ?? 0) + (each[1] ?? 0)) / 2);
    }
  });

  test('a label that comes with a deviation has a bell of its own', () => {
    const plain = selectOutputs(TINY);
    const recipe = { ...tinyRecipe().objectives.age, centre: 40, spread: 10 };
    const logits = logitsOf({ Age: [[-0.8], [9], [2.5]] }, plain);
    const sigma = Float32Array.of(6, 1, 0);
    const [loss] = losses(new AgeRegression(recipe), batchOf({ age: { ...age, sigma } }), {
      logits,
      progress: 1,
      selection: plain,
    });
    close(loss, (1 - Math.exp(-4 / 72) + 1 - Math.exp(-25 / 18)) / 2);
  });

  test('ordinal: summed cross-entropies of "older than k"', () => {
    const rows = [0, 1, 2].map((face) => Array.from({ length: 11 }, (_, k) => 0.3 * face - 0.2 * k));
    const young = { years: Float32Array.of(3, 50, 7.5), weight: age.weight };
    const [loss] = losses(new OrdinalAge(12), batchOf({ age: young }), { logits: logitsOf({ Age: rows }) });
    const entropy = (face: number) =>
      (rows[face] ?? []).reduce((sum, x, k) => {
        const p = logistic(x);
        return sum - Math.log((young.years[face] ?? 0) > k ? p : 1 - p);
      }, 0);
    close(loss, (entropy(0) + entropy(2)) / 2);
    expect(SELECTION.tasks.find(({ task }) => task.name === 'Age')?.task).toMatchObject({
      kind: 'ordinal',
      logits: 11,
    });
  });
});

test('landmarks: squared errors summed over 144 coordinates, by half', () => {
  const target = floats(BATCH * 144, (i) => Math.sin(i));
  const rows = [0, 1, 2].map((face) =>
    Array.from({ length: 144 }, (_, k) => Math.sin(face * 144 + k) + 0.1 * (face + 1)),
  );
  const regression = { [LANDMARKS_TASK]: { target, weight: Float32Array.of(1, 0, 1) } };
  const [loss] = losses(new Values(LANDMARKS_TASK, 144), batchOf({ regression }), {
    logits: logitsOf({ [LANDMARKS_TASK]: rows }),
  });
  expect(loss).toBeCloseTo((144 * (0.1 ** 2 + 0.3 ** 2)) / 2, 4);
  const { objectives } = tinyRecipe();
  const weights = (given: object) =>
    parseRecipe({
      ...tinyRecipe({ heads: ['landmarks'] }),
      model: 'swinface-nano',
      data: { cache: 'cache', parts: [{ list: 'a.jsonl', count: 4 }] },
      objectives: { ...objectives, weights: { default: 1, ...given } },
    }).objectives.weights;
  expect(weights({}).Landmarks).toBe(0.5);
  expect(weights({ Landmarks: 2 }).Landmarks).toBe(2);
});

test('distillation: one minus the cosine, and differences of cosines between pairs', () => {
  const unit = (angle: number) => [Math.cos(angle), Math.sin(angle), ...Array<number>(6).fill(0)];
  const target = Float32Array.from([unit(0), unit(0.5), unit(2)].flat());
  const embedding = Float32Array.from([unit(0.3), unit(1), unit(9)].flat().map((v) => 3 * v));
  const weight = Float32Array.of(1, 1, 0);
  const [cosine, relations] = losses(new Distillation(true), batchOf({ embedding: { target, weight } }), { embedding });
  close(cosine, (1 - Math.cos(0.3) + 1 - Math.cos(0.5)) / 2);
  close(relations, (2 * (Math.cos(0.7) - Math.cos(0.5)) ** 2) / 4); // two of the four pairs are of a face with itself
});

test('CosFace: a softmax over sampled centres, the own cosine lowered by the margin', () => {
  const cosFace = new CosFace({ scale: 8, margin: 0.4, sampling: 0.25 }, 40, BATCH, CONFIG.feature);
  const identity = { label: Int32Array.of(7, 3, 7), weight: Float32Array.of(1, 1, 0) };
  const batch = batchOf({ identity });
  const rows = cosFace.feed(batch, 0, new Random(1)).rows?.['objectives.identity.centres'] ?? new Int32Array();
  expect(rows).toHaveLength(10);
  expect(new Set(rows).size).toBe(10);
  expect([...rows]).toEqual(expect.arrayContaining([3, 7]));
  const random = new Random(3);
  const centres = floats(10 * 8, () => random.normal());
  const embedding = floats(BATCH * 8, () => random.normal());
  const [loss] = losses(cosFace, batch, {
    embedding,
    parameters: { 'objectives.identity.centres': { shape: [10, 8], data: Float64Array.from(centres) } },
  });
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
  const each = [7, 3].map((label, face) => {
    const e = embedding.subarray(face * 8, face * 8 + 8);
    const scores = [...rows].map((row, r) => {
      const c = centres.subarray(r * 8, r * 8 + 8);
      return 8 * (dot(e, c) / Math.sqrt(dot(e, e) * dot(c, c)) - (row === label ? 0.4 : 0));
    });
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    return -Math.log(Math.exp(scores[rows.indexOf(label)] as number) / total);
  });
  close(loss, ((each[0] ?? 0) + (each[1] ?? 0)) / 2);
});

describe('coupling of expressions and action units', () => {
  /** q(unit) for given probabilities of the expressions. */
  const foretold = (probabilities: Record<string, number>) => {
    const table = unitsOf(EXPRESSIONS);
    return (unit: number) =>
      EXPRESSIONS.reduce(
        (sum, name, e) =>
          sum +
          (probabilities[name] ?? 0) *
            (table[e * 17 + ACTION_UNITS.indexOf(unit as (typeof ACTION_UNITS)[number])] ?? 0),
        0,
      );
  };

  test("the paper's examples: AU 2 is foretold by surprise and fear, a sure smile foretells 12, 25 and 6", () => {
    close(foretold({ surprise: 0.3, fear: 0.45, anger: 0.25 })(2), 0.3 + 0.45);
    const happy = foretold({ happiness: 1 });
    for (const unit of ACTION_UNITS) expect(happy(unit)).toBe([12, 25, 6].includes(unit) ? 1 : 0);
    for (const unit of ACTION_UNITS) expect(foretold({ neutral: 1 })(unit)).toBe(0);
  });

  test('the weights of the table belong to the votes', () => {
    const table = voteWeights(EXPRESSIONS);
    const weight = (expression: string, unit: (typeof ACTION_UNITS)[number]) =>
      table[EXPRESSIONS.indexOf(expression) * 17 + ACTION_UNITS.indexOf(unit)];
    expect(weight('happiness', 12)).toBe(1);
    close(weight('happiness', 6), 0.51);
    close(weight('sadness', 17), 0.67);
    expect(weight('anger', 12)).toBe(0);
    expect(table.subarray(6 * 17).every((value) => value === 0)).toBe(true);
  });

  test.each(['soft-target', 'printed'] as const)('distribution matching, %s form', (form) => {
    const random = new Random(8);
    const expression = [0, 1, 2].map(() => EXPRESSIONS.map(() => random.normal()));
    const units = [0, 1, 2].map(() => ACTION_UNITS.map(() => random.normal()));
    const logits = logitsOf({ Expression: expression, [ACTION_UNITS_TASK]: units });
    const [loss] = losses(new DistributionMatching(EXPRESSIONS, form), batchOf({}), { logits });
    let expected = 0;
    for (const [face, row] of expression.entries()) {
      const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
      const q0 = foretold(Object.fromEntries(row.map((x, e) => [EXPRESSIONS[e], Math.exp(x) / total])));
      ACTION_UNITS.forEach((number, unit) => {
        const q = 0.001 + 0.998 * q0(number);
        const p = logistic(units[face]?.[unit] as number);
        expected -= form === 'printed' ? p * Math.log(q) : q * Math.log(p) + (1 - q) * Math.log(1 - p);
      });
    }
    close(loss, expected / 3);
  });

  test('a prediction that is what the expression foretells costs least; as printed, units that never show do', () => {
    const even = EXPRESSIONS.map(() => 0); // each one in seven
    const q = ACTION_UNITS.map((unit) => foretold(Object.fromEntries(EXPRESSIONS.map((e) => [e, 1 / 7])))(unit));
    const cost = (form: 'soft-target' | 'printed', units: readonly number[]) => {
      const rows = [0, 1, 2].map(() => units.map((p) => Math.log(p / (1 - p))));
      const logits = logitsOf({ Expression: [even, even, even], [ACTION_UNITS_TASK]: rows });
      return losses(new DistributionMatching(EXPRESSIONS, form), batchOf({}), { logits })[0] ?? Number.NaN;
    };
    const moved = (by: number) => q.map((p) => Math.min(0.99, Math.max(0.01, p + by)));
    expect(cost('soft-target', moved(0))).toBeLessThan(cost('soft-target', moved(0.1)));
    expect(cost('soft-target', moved(0))).toBeLessThan(cost('soft-target', moved(-0.1)));
    expect(cost('printed', moved(-1))).toBeLessThan(cost('printed', moved(0)));
  });

  test('soft co-annotation: units vote for expressions, and never for neutral', () => {
    const happy = floats(17, (unit) => ([12, 25].includes(ACTION_UNITS[unit] ?? 0) ? 1 : 0));
    const votes = annotate(EXPRESSIONS, happy);
    expectAllClose([votes.reduce((sum, value) => sum + value, 0)], [1], { atol: 1e-6, rtol: 0 });
    expect(votes.indexOf(Math.max(...votes))).toBe(EXPRESSIONS.indexOf('happiness'));
    // happiness: (1 + 1) / 2.51 of its units; surprise: 1 / 4.66; anger none, and neutral has none.
    close((votes[3] as number) / (votes[0] as number), Math.exp(2 / 2.51 - 1 / 4.66));
    close((votes[3] as number) / (votes[6] as number), Math.exp(2 / 2.51));
    expect(votes[6]).toBe(votes[5]);
    expectAllClose(annotate(EXPRESSIONS, new Float32Array(17)), Array(7).fill(1 / 7), { atol: 1e-6, rtol: 0 });

    const target = new Float32Array(BATCH * 17);
    target.set(happy);
    const sigmoid = { [ACTION_UNITS_TASK]: { target, weight: Float32Array.of(1, 0, 0) } };
    const row = [0.5, -1, 0, 2, 0, 0.3, 1];
    const loss = (form: 'soft-target' | 'printed') =>
      losses(new SoftCoAnnotation(EXPRESSIONS, form), batchOf({ sigmoid }), {
        logits: logitsOf({ Expression: [row] }),
      })[0];
    const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
    const expected = (each: (p: number, q: number) => number) =>
      row.reduce((sum, x, e) => sum - each(Math.exp(x) / total, votes[e] as number), 0);
    close(
      loss('soft-target'),
      expected((p, q) => q * Math.log(p)),
    );
    close(
      loss('printed'),
      expected((p, q) => p * Math.log(q)),
    );
  });
});

describe('what validation moves', () => {
  // Losses of attributes at two measurements; the age is none, and "Young" was not measured before.
  const before = { Bald: 1, Smiling: 2, Bangs: 5, Age: 40 };
  const now = { Bald: 0.9, Smiling: 1.4, Age: 20, Young: 3 };

  test("dynamic weights are the relative changes of the attributes' losses, as they are", () => {
    const weights = dynamicWeights(before, now);
    expect(Object.keys(weights).sort()).toEqual(['Bald', 'Smiling']);
    close(weights.Bald, 0.1);
    close(weights.Smiling, 0.3);
    expect(dynamicWeights({ Bald: 1 }, { Bald: 1 })).toEqual({ Bald: 0 });
    close(dynamicWeights({ Bald: 0.5 }, { Bald: 0.7 }).Bald, 0.4); // a loss that grows counts as much
  });

  test('dynamic weight averaging: a softmax of the ratios at temperature 2, one on average', () => {
    const weights = averagedWeights(before, now);
    const [bald, smiling] = [Math.exp(0.9 / 2), Math.exp(0.7 / 2)];
    close(weights.Bald, (2 * bald) / (bald + smiling));
    close(weights.Smiling, (2 * smiling) / (bald + smiling));
    expect(Object.keys(weights)).toHaveLength(2);
    expect(averagedWeights({}, now)).toEqual({});
  });

  test('thresholds rise with false positives and fall with false negatives', () => {
    close(adaptThreshold(0.5, 2, { falsePositives: 30, falseNegatives: 10, count: 100 }), 0.5 + 0.01 * 2 * 0.2);
    close(adaptThreshold(0.5, 2, { falsePositives: 0, falseNegatives: 50, count: 100 }), 0.49);
    expect(adaptThreshold(0.94, 1000, { falsePositives: 100, falseNegatives: 0, count: 100 })).toBe(0.95);
    expect(adaptThreshold(0.3, 5, { falsePositives: 0, falseNegatives: 0, count: 0 })).toBe(0.3);
  });

  test('false answers are counted against the threshold, labelled faces only', () => {
    const softmax = { Bald: { target: Float32Array.of(1, 0, 0, 1, 0, 1), weight: Float32Array.of(1, 1, 0) } };
    const logits = logitsOf({
      Bald: [
        [0, 0.2],
        [0, 0.2],
        [9, 0],
      ],
    });
    const count = (threshold: number) =>
      binaryErrors(SELECTION, batchOf({ softmax }), logits, { Bald: threshold }).get('Bald');
    expect(count(0.5)).toEqual({ falsePositives: 1, falseNegatives: 0, count: 2 });
    expect(count(0.6)).toEqual({ falsePositives: 0, falseNegatives: 1, count: 2 });
  });
});

describe('recipes', () => {
  const json = (changes: object = {}) => ({
    ...tinyRecipe(),
    model: 'swinface-nano',
    data: { cache: 'cache', parts: [{ list: 'a.jsonl', count: 4 }] },
    ...changes,
  });

  test('a sound one is taken, with defaults for what newer versions added', () => {
    const { heads, thresholds, frozen, ...older } = json();
    expect(parseRecipe(older)).toMatchObject({ heads: [], thresholds: 'fixed', frozen: [], model: 'swinface-nano' });
  });

  test('without coupling, the form that older runs name says nothing', () => {
    const objectives = { ...tinyRecipe().objectives, couplingForm: 'full' };
    expect(parseRecipe(json({ objectives })).objectives.couplingForm).toBe('soft-target');
  });

  test.each([
    [{ batch: 0 }, /batch/],
    [{ colour: 'red' }, /colour/],
    [{ thresholds: 'adaptive' }, /validation/],
    [{ objectives: { ...tinyRecipe().objectives, weighting: 'dwa' } }, /validation/],
    [{ objectives: { ...tinyRecipe().objectives, coupling: 'dm' } }, /action-units/],
    [{ objectives: { ...tinyRecipe().objectives, identityCoupling: 'sca' } }, /objectives\.identity/],
    [{ objectives: { ...tinyRecipe().objectives, identity: COSFACE } }, /"identities": true/],
    [{ objectives: { ...tinyRecipe().objectives, identity: COSFACE, identityCoupling: 'all' } }, /identityCoupling/],
    [
      {
        heads: ['action-units'],
        objectives: { ...tinyRecipe().objectives, coupling: 'dm', couplingForm: 'full' },
      },
      /soft-target/,
    ],
    [{ data: { cache: 'cache', parts: [] } }, /data\.parts/],
    [{ length: { hours: 2 } }, /length/],
  ])('%j is refused by name', (changes, expected) => {
    expect(() => parseRecipe(json(changes))).toThrow(expected);
  });

  test('an unknown network is named', () => {
    expect(() => recipeConfig({ ...tinyRecipe(), model: 'swinface-huge' })).toThrow(/swinface-huge/);
  });

  test('extra heads follow the network of the paper', () => {
    const config = recipeConfig(everythingRecipe());
    expect(config.extraTasks?.map(({ task }) => task.name)).toEqual([ACTION_UNITS_TASK, 'Landmarks']);
    expect(recipeConfig(tinyRecipe())).toEqual(TINY);
  });
});
