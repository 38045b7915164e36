import { OnnxGraph, primitives as p } from '@swinface/core/onnx';
import { expectAllClose } from '@swinface/testing';
import { describe, expect, test } from 'vitest';
import { identityAttributes } from '../../src/data/identity-attributes.js';
import { ATTRIBUTE_TASKS } from '../../src/data/labels.js';
import { Random } from '../../src/data/random.js';
import type { FaceSample } from '../../src/data/samples.js';
import { differentiate } from '../../src/graph/differentiate.js';
import { CENTRES, CosFace } from '../../src/objectives/identity.js';
import { CoupledIdentity, type IdentityCouplingOptions } from '../../src/objectives/identity-coupling.js';
import { createObjectives } from '../../src/objectives/index.js';
import type { TrainingBatch } from '../../src/tasks/batch.js';
import { evaluate, type Tensor64 } from './support/evaluate.js';
import { BATCH, batchOf, CONFIG, floats, logitsOf, losses, SELECTION } from './support/losses.js';
import { everythingRecipe, TINY_IDENTITIES } from './support/tiny.js';

const WIDTH = ATTRIBUTE_TASKS.length;
const IDENTITIES = 12;
const ROWS = 5;
const SCALE = 4;
const random = new Random(77);

/** Identity 2 was never labelled "Smiling", and no identity "Bald". */
const TABLE = floats(IDENTITIES * WIDTH, () => random.uniform());
const column = (task: string) => ATTRIBUTE_TASKS.indexOf(task);
TABLE[2 * WIDTH + column('Smiling')] = Number.NaN;
for (let identity = 0; identity < IDENTITIES; identity++) TABLE[identity * WIDTH + column('Bald')] = Number.NaN;

/** The table as documented: gaps take the column's mean, or one half. */
const complete = (identity: number, at: number): number => {
  const values = Array.from({ length: IDENTITIES }, (_, i) => TABLE[i * WIDTH + at] as number);
  const known = values.filter((value) => !Number.isNaN(value));
  const own = values[identity] as number;
  if (!Number.isNaN(own)) return own;
  return known.length === 0 ? 0.5 : known.reduce((sum, value) => sum + value, 0) / known.length;
};

const embedding = floats(BATCH * CONFIG.feature, () => random.normal());
const centres = floats(ROWS * CONFIG.feature, () => random.normal());
const answers = [0, 1, 2].map(() => ATTRIBUTE_TASKS.map(() => [random.normal(), random.normal()] as const));
const logits = logitsOf(
  Object.fromEntries(ATTRIBUTE_TASKS.map((task, at) => [task, answers.map((face) => [...(face[at] ?? [])])])),
);

/** Face 0 has an identity and no "Bald", face 1 attributes only, face 2 is identity 2 without any attribute. */
const truth = ATTRIBUTE_TASKS.map(() => [0, 1, 2].map(() => random.integer(2)));
const softmax: TrainingBatch['softmax'] = Object.fromEntries(
  ATTRIBUTE_TASKS.map((task, at) => [
    task,
    {
      target: Float32Array.from((truth[at] ?? []).flatMap((yes) => [1 - yes, yes])),
      weight: Float32Array.of(task === 'Bald' ? 0 : 1, task === 'Young' ? 0 : 1, 0),
    },
  ]),
);
const identity = { label: Int32Array.of(7, 0, 2), weight: Float32Array.of(1, 0, 1) };
const batch = batchOf({ softmax, identity });

const couple = (coupling: IdentityCouplingOptions['coupling'], form: IdentityCouplingOptions['form'] = 'soft-target') =>
  new CoupledIdentity(
    new CosFace({ scale: SCALE, margin: 0.3, sampling: ROWS / IDENTITIES }, IDENTITIES, BATCH, CONFIG.feature),
    { coupling, form, attributes: TABLE },
  );
const rows = couple('both').feed(batch, 0, new Random(1)).rows?.[CENTRES] ?? new Int32Array();

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * (b[i] as number), 0);
const softmaxOf = (values: readonly number[]) => {
  const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
  return values.map((value) => Math.exp(value) / total);
};
/** The posterior of the step's identities. */
const posterior = [0, 1, 2].map((face) => {
  const e = embedding.subarray(face * CONFIG.feature, (face + 1) * CONFIG.feature);
  return softmaxOf(
    [...rows].map((_, row) => {
      const c = centres.subarray(row * CONFIG.feature, (row + 1) * CONFIG.feature);
      return (SCALE * dot(e, c)) / Math.sqrt(dot(e, e) * dot(c, c));
    }),
  );
});
const yes = (face: number, at: number): number => {
  const [no = 0, answer = 0] = answers[face]?.[at] ?? [];
  return 1 / (1 + Math.exp(no - answer));
};

const parameters = { [CENTRES]: { shape: [ROWS, CONFIG.feature], data: Float64Array.from(centres) } };
const run = (objective: CoupledIdentity) => losses(objective, batch, { logits, embedding, parameters });
const near = (actual: number | undefined, expected: number, label: string) =>
  // Labels, tables and weights are float32 on their way; sums of 120 terms.
  expectAllClose([actual ?? Number.NaN], [expected], { atol: 1e-5, rtol: 1e-5, label });

test('the sampled identities hold those of the batch, and unlabelled identities are no identities', () => {
  expect(rows).toHaveLength(ROWS);
  expect([...rows]).toEqual(expect.arrayContaining([2, 7]));
});

test.each(['soft-target', 'printed'] as const)('distribution matching on every face, %s form', (form) => {
  let expected = 0;
  for (let face = 0; face < BATCH; face++) {
    for (let at = 0; at < WIDTH; at++) {
      const foretold = [...rows].reduce(
        (sum, id, row) => sum + (posterior[face]?.[row] ?? Number.NaN) * complete(id, at),
        0,
      );
      const q = 1e-3 + (1 - 2e-3) * foretold;
      const given = yes(face, at);
      expected -= form === 'printed' ? given * Math.log(q) : q * Math.log(given) + (1 - q) * Math.log(1 - given);
    }
  }
  const objective = couple('dm', form);
  expect(objective.tasks).toEqual(['Identity', 'Identity matching']);
  const [, loss] = run(objective);
  near(loss, expected / BATCH, 'matching');
  expect(objective.feed(batch, 0, new Random(1)).labelled).toEqual([2, BATCH]);
});

test('soft co-annotation: attributes vote for identities where none is given, and identities fill in attributes', () => {
  const objective = couple('sca');
  expect(objective.tasks).toEqual(['Identity', 'Identity annotation', 'Attribute annotation']);
  const [, identities, attributes] = run(objective);
  const labelled = ATTRIBUTE_TASKS.flatMap((task, at) => (task === 'Young' ? [] : [at]));
  const votes = [...rows].map((id) => {
    const share = (of: (at: number) => number) => labelled.reduce((sum, at) => sum + of(at) * complete(id, at), 0);
    return share((at) => truth[at]?.[1] ?? Number.NaN) / share(() => 1);
  });
  near(
    identities,
    softmaxOf(votes).reduce((sum, q, row) => sum - q * Math.log(posterior[1]?.[row] ?? Number.NaN), 0),
    'identities',
  );
  const [, printed] = run(couple('sca', 'printed'));
  near(
    printed,
    softmaxOf(votes).reduce((sum, q, row) => sum - (posterior[1]?.[row] ?? Number.NaN) * Math.log(q), 0),
    'identities, printed',
  );
  // Face 0 lacks "Bald", of which the table knows nothing; face 2 lacks all, and the table knows but two.
  const filled = ATTRIBUTE_TASKS.flatMap((task, at) => (task === 'Bald' || task === 'Smiling' ? [] : [at]));
  const expected = filled.reduce((sum, at) => {
    const share = TABLE[2 * WIDTH + at] as number;
    return sum - share * Math.log(yes(2, at)) - (1 - share) * Math.log(1 - yes(2, at));
  }, 0);
  near(attributes, expected, 'attributes');
  expect(objective.feed(batch, 0, new Random(1)).labelled).toEqual([2, 1, 1]);
});

test('coupling leaves CosFace as it is', () => {
  const alone = losses(couple('both').cosFace, batch, { embedding, parameters });
  expect(run(couple('both'))[0]).toBe(alone[0]);
  expect(run(couple('both'))).toHaveLength(4);
});

describe.each(['soft-target', 'printed'] as const)('gradients, %s form', (form) => {
  const objective = couple('both', form);
  const graph = new OnnxGraph();
  const given = new Map<string, Tensor64>();
  const wide = {
    logits: { shape: [BATCH, SELECTION.logits], data: Float64Array.from(logits) },
    embedding: { shape: [BATCH, CONFIG.feature], data: Float64Array.from(embedding) },
    centres: { shape: [ROWS, CONFIG.feature], data: Float64Array.from(centres) },
  };
  const inputs = Object.entries(wide).map(([name, tensor]) => {
    given.set(name, tensor);
    return graph.input(name, tensor.shape);
  });
  const [logitsIn, embeddingIn, centresIn] = inputs;
  const context = { graph, selection: SELECTION, batch: BATCH, logits: logitsIn, embedding: embeddingIn };
  const recorded = objective.record({ ...context, parameter: () => centresIn ?? graph.scalar(Number.NaN) });
  for (const [name, feed] of Object.entries(objective.feed(batch, 0, new Random(1)).feeds)) {
    given.set(name, { shape: feed.shape, data: Float64Array.from(feed.data) });
  }
  // Different weights, so that no loss hides another.
  const weights = graph.constant(Float32Array.of(1, 0.25, 2, 0.5), [4]);
  const total = p.reduceSum(graph, p.mul(graph, recorded, weights), [0]);
  const gradients = differentiate(graph, total, inputs);
  const computed = evaluate(graph, given);

  test.each(Object.keys(wide))('%s, each entry by a finite difference', (name) => {
    const at = Object.keys(wide).indexOf(name);
    const { shape, data } = given.get(name) as Tensor64;
    const actual = computed.get(gradients[at]?.name ?? '')?.data ?? [];
    // Every entry of the small ones; of the logits, those of ten tasks, every face.
    const entries = [...data.keys()].filter((entry) => name !== 'logits' || entry % SELECTION.logits < 20);
    const h = 1e-5;
    const moved = (entry: number, by: number) => {
      const changed = data.slice();
      changed[entry] = (changed[entry] as number) + by;
      return evaluate(graph, new Map([...given, [name, { shape, data: changed }]])).get(total.name)?.data[0] as number;
    };
    const expected = entries.map((entry) => (moved(entry, h) - moved(entry, -h)) / (2 * h));
    expect(expected.some((value) => Math.abs(value) > 1e-3)).toBe(true);
    // Float64: h squared times a third derivative of order ten, and rounding of a loss of order 100 over h.
    expectAllClose(
      entries.map((entry) => actual[entry] as number),
      expected,
      { atol: 1e-7, rtol: 1e-6, label: name },
    );
  });
});

test('the table is counted from labels, and silent where there are none', () => {
  const face = (person: string | undefined, changes: Partial<FaceSample>): FaceSample => ({
    key: 'k',
    file: 'f',
    points: null,
    ...(person === undefined ? {} : { identity: person }),
    ...changes,
  });
  const attributes = (set: Record<string, 1>) => ATTRIBUTE_TASKS.map((task) => set[task] ?? 0).join('');
  const table = identityAttributes(
    [
      face('a', { attributes: attributes({ Smiling: 1, Gender: 1 }) }),
      face('a', { attributes: attributes({ Gender: 1 }) }),
      face('a', { attributes: attributes({ Gender: 1 }), gender: 'female' }), // its own label of gender goes first
      face('b', { gender: 'male' }),
      face('stranger', { attributes: attributes({ Bald: 1 }) }),
      face(undefined, { attributes: attributes({ Bald: 1 }) }),
    ],
    new Map([
      ['a', 1],
      ['b', 0],
      ['c', 2],
    ]),
  );
  expect(table).toHaveLength(3 * WIDTH);
  const of = (person: number, task: string) => table[person * WIDTH + column(task)];
  expect(of(1, 'Smiling')).toBeCloseTo(1 / 3, 6);
  expect(of(1, 'Gender')).toBeCloseTo(2 / 3, 6);
  expect(of(1, 'Bald')).toBe(0);
  expect(of(0, 'Gender')).toBe(1);
  expect(of(0, 'Smiling')).toBeNaN();
  expect(of(2, 'Gender')).toBeNaN();
});

test('a table of other identities is refused, and so is coupling without one', () => {
  const cosFace = new CosFace({ scale: 8, margin: 0.4, sampling: 1 }, IDENTITIES - 1, BATCH, CONFIG.feature);
  expect(() => new CoupledIdentity(cosFace, { coupling: 'dm', form: 'soft-target', attributes: TABLE })).toThrow(
    /11 x 40/,
  );
  const { objectives } = everythingRecipe();
  const sizes = { batch: BATCH, identities: TINY_IDENTITIES.identities };
  expect(() => createObjectives(SELECTION, objectives, sizes)).toThrow(/not counted/);
  const created = createObjectives(SELECTION, objectives, { ...sizes, ...TINY_IDENTITIES });
  expect(created.flatMap(({ tasks }) => tasks)).toEqual(
    expect.arrayContaining(['Identity', 'Identity matching', 'Identity annotation', 'Attribute annotation']),
  );
});
