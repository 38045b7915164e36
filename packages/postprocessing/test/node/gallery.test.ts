import { InvalidInputError } from '@swinface/core';
import { cosineSimilarity, Gallery } from '@swinface/postprocessing';
import { syntheticInput } from '@swinface/testing';
import { describe, expect, it } from 'vitest';

const face = (embedding: ArrayLike<number>, model = 'm') => ({ embedding: Float32Array.from(embedding), model });
const modelOf = (feature: number, id = 'm') => ({
  id,
  config: { feature },
  calibration: {
    verification: [
      { falseMatchRate: 1e-4, threshold: 0.9, falseNonMatchRate: 0.5 },
      { falseMatchRate: 1e-2, threshold: 0.6, falseNonMatchRate: 0.1 },
    ],
  },
});
const random = (name: string) => face(syntheticInput(name, [16]).data);

function filled(count: number): Gallery {
  const gallery = new Gallery(modelOf(16));
  for (let i = 0; i < count; i++) gallery.add(`face ${i}`, random(`gallery ${i}`));
  return gallery;
}

/** Every cosine by itself, sorted: what the search must find. */
const bruteForce = (ids: readonly number[], query: { embedding: Float32Array }) =>
  ids
    .map((i) => ({ id: `face ${i}`, similarity: cosineSimilarity(random(`gallery ${i}`).embedding, query.embedding) }))
    .sort((a, b) => b.similarity - a.similarity);

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('Gallery', () => {
  it('takes nobody in, and takes nobody for one of its own, by a picture that is not recognisable', () => {
    const gallery = new Gallery(modelOf(2));
    const poor = { ...face([1, 0]), recognisability: 0.4 };
    expect(() => gallery.add('ada', poor)).toThrow(/too poor/);
    expect(gallery.size).toBe(0);
    gallery.add('ada', { ...poor, recognisability: 0.6 });
    expect(gallery.identify({ ...poor, recognisability: 0.5 })?.id).toBe('ada');
    expect(gallery.identify(poor)).toBeUndefined();
    expect(gallery.search(poor, 1)[0]?.id, 'likeness alone is still told').toBe('ada');
  });

  it('finds exactly what comparing with each finds', () => {
    const gallery = filled(50);
    const query = random('query');
    const expected = bruteForce(range(50), query);
    for (const k of [1, 5, 50, 99]) {
      const found = gallery.search(query, k);
      expect(found.map(({ id }) => id)).toEqual(expected.slice(0, k).map(({ id }) => id));
      // Both are dot products of float32 rows.
      found.forEach(({ similarity }, i) => {
        expect(similarity).toBeCloseTo(expected[i]?.similarity ?? Number.NaN, 6);
      });
    }
  });

  it('forgets what is removed, first, middle and last', () => {
    const gallery = filled(10);
    for (const i of [0, 5, 9]) expect(gallery.remove(`face ${i}`)).toBe(true);
    expect(gallery.remove('face 5')).toBe(false);
    expect(gallery.remove('nobody')).toBe(false);
    expect(gallery.size).toBe(7);
    expect(gallery.has('face 9')).toBe(false);
    const query = random('query');
    const left = range(10).filter((i) => ![0, 5, 9].includes(i));
    expect(gallery.search(query, 10).map(({ id }) => id)).toEqual(bruteForce(left, query).map(({ id }) => id));
    gallery.add('face 5', random('gallery 5'));
    expect(gallery.search(random('gallery 5'), 1)[0]?.id).toBe('face 5');
  });

  it('can be emptied and is searched when empty', () => {
    const gallery = filled(1);
    gallery.remove('face 0');
    expect(gallery.search(random('query'))).toEqual([]);
  });

  it('refuses ids in use, wrong lengths, other models and missing embeddings', () => {
    const gallery = filled(2);
    expect(() => gallery.add('face 1', random('x'))).toThrow(/id of its own/);
    expect(() => gallery.add('', random('x'))).toThrow(InvalidInputError);
    expect(() => gallery.add('short', face([1, 2]))).toThrow(/does not fit/);
    expect(() => gallery.add('other', face(random('x').embedding, 'n'))).toThrow(/different models/);
    expect(() => gallery.search(face(random('x').embedding, 'n'))).toThrow(/different models/);
    expect(() => gallery.add('none', { model: 'm' })).toThrow(/no embedding/);
    expect(() => gallery.add('zero', face(new Float32Array(16)))).toThrow(/all zeros/);
    for (const k of [0, -1, 1.5, Number.NaN]) expect(() => gallery.search(random('x'), k)).toThrow(InvalidInputError);
    expect(gallery.size).toBe(2);
    expect(() => new Gallery(modelOf(16, ''))).toThrow(InvalidInputError);
    for (const dimensions of [0, 1.5, Number.NaN])
      expect(() => new Gallery(modelOf(dimensions))).toThrow(InvalidInputError);
  });

  it('survives structuredClone and JSON without a changed bit', () => {
    const gallery = filled(5);
    gallery.add('average', { ...random('average'), agreement: 0.75 });
    gallery.remove('face 2');
    expect(gallery.search(random('average'), 1)).toMatchObject([{ id: 'average', agreement: 0.75 }]);
    const data = gallery.toData();
    for (const copy of [
      Gallery.from(structuredClone(data), modelOf(16)),
      Gallery.from(JSON.parse(JSON.stringify(gallery)), modelOf(16)),
    ]) {
      expect(copy.toData()).toEqual(data);
    }
  });

  it('trusts no imported data', () => {
    const good = filled(2).toJSON();
    const broken: readonly (readonly [string, unknown])[] = [
      ['nothing', undefined],
      ['text', 'gallery'],
      ['another format', { ...good, format: 'other' }],
      ['a later version', { ...good, version: 2 }],
      ['no model', { ...good, model: '' }],
      ['another model', { ...good, model: 'n' }],
      ['other dimensions', { ...good, dimensions: 8 }],
      ['no dimensions', { ...good, dimensions: '16' }],
      ['ids that are numbers', { ...good, ids: [1, 2] }],
      ['doubled ids', { ...good, ids: ['a', 'a'] }],
      ['too few agreements', { ...good, agreements: [1] }],
      ['text for agreements', { ...good, agreements: ['1', '1'] }],
      ['an agreement above 1', { ...good, agreements: [1, 1.1] }],
      ['too few numbers', { ...good, embeddings: good.embeddings.slice(1) }],
      ['text for numbers', { ...good, embeddings: Array(32).fill('1') }],
      ['a row that is not of length 1', { ...good, embeddings: Array(32).fill(1) }],
      ['null for a number', { ...good, embeddings: [null, ...good.embeddings.slice(1)] }],
      ['a number that is not finite', { ...good, embeddings: [Number.NaN, ...good.embeddings.slice(1)] }],
    ];
    for (const [what, data] of broken) expect(() => Gallery.from(data, modelOf(16)), what).toThrow(InvalidInputError);
  });

  it('finds the same as a full sort among many, ties included', () => {
    // Few distinct rows, so that equal similarities abound.
    const gallery = new Gallery(modelOf(16));
    const rows = range(3000).map((i) => random(`gallery ${i % 40}`));
    for (const [i, row] of rows.entries()) gallery.add(`face ${i}`, row);
    const query = random('query');
    const expected = rows
      .map(({ embedding }, i) => ({ i, similarity: Math.fround(cosineSimilarity(embedding, query.embedding)) }))
      .sort((a, b) => b.similarity - a.similarity || a.i - b.i)
      .map(({ i }) => `face ${i}`);
    for (const k of [1, 7, 100, 3000]) {
      expect(gallery.search(query, k).map(({ id }) => id)).toEqual(expected.slice(0, k));
    }
  });

  it('identifies at a measured rate, and says what that means for its size', () => {
    const gallery = new Gallery(modelOf(2));
    gallery.add('east', face([1, 0]));
    gallery.add('north', face([0, 1]));
    const near = face([0.8, 0.6]); // 0.8 to east, 0.6 to north
    expect(gallery.identify(near, { falseMatchRate: 1e-2 })).toEqual({
      id: 'east',
      similarity: expect.closeTo(0.8, 6),
      agreement: 1,
      threshold: 0.6,
      falseMatchRate: 1e-2,
      falseIdentificationRate: expect.closeTo(1 - 0.99 ** 2, 12),
    });
    expect(gallery.identify(near, { falseMatchRate: 1e-4 })).toBeUndefined();
    expect(gallery.rates({ falseMatchRate: 1e-2 })).toEqual({
      falseMatchRate: 1e-2,
      falseIdentificationRate: expect.closeTo(1 - 0.99 ** 2, 12),
      falseNonMatchRate: 0.1,
    });
    expect(() => gallery.rates({ falseMatchRate: 1e-3 })).toThrow(/one of 0.0001, 0.01/);
    expect(new Gallery(modelOf(2)).rates().falseIdentificationRate).toBe(0);
    expect(() => gallery.identify(near, { falseMatchRate: 1e-3 })).toThrow(/one of 0.0001, 0.01/);
    const unmeasured = new Gallery({ ...modelOf(2), calibration: { verification: [] } });
    expect(() => unmeasured.identify(near)).toThrow(/cannot decide/);
    expect(new Gallery(modelOf(2)).identify(near)).toBeUndefined();
  });

  it('holds averages to a higher threshold, and prefers who is further above it', () => {
    const gallery = new Gallery(modelOf(2));
    gallery.add('average', { ...face([0.72, 0.7]), agreement: 0.8 });
    gallery.add('picture', face([0.7, -0.72]));
    const identified = gallery.identify(face([1, 0]), { falseMatchRate: 1e-2 });
    // The average is nearer, but strangers would be nearer to it too.
    expect(gallery.search(face([1, 0]), 1)[0]?.id).toBe('average');
    expect(identified).toMatchObject({ id: 'picture', threshold: 0.6, agreement: 1 });
  });
});
