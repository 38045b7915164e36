import { InvalidInputError } from '@swinface/core';
import { cosineSimilarity, Gallery } from '@swinface/postprocessing';
import { syntheticInput } from '@swinface/testing';
import { describe, expect, it } from 'vitest';

const face = (embedding: ArrayLike<number>, model = 'm') => ({ embedding: Float32Array.from(embedding), model });
const random = (name: string) => face(syntheticInput(name, [16]).data);

function filled(count: number): Gallery {
  const gallery = new Gallery('m', 16);
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
    expect(() => new Gallery('', 16)).toThrow(InvalidInputError);
    for (const dimensions of [0, 1.5, Number.NaN])
      expect(() => new Gallery('m', dimensions)).toThrow(InvalidInputError);
  });

  it('survives structuredClone and JSON without a changed bit', () => {
    const gallery = filled(5);
    gallery.remove('face 2');
    const data = gallery.toData();
    for (const copy of [Gallery.from(structuredClone(data)), Gallery.from(JSON.parse(JSON.stringify(gallery)))]) {
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
      ['no dimensions', { ...good, dimensions: '16' }],
      ['ids that are numbers', { ...good, ids: [1, 2] }],
      ['doubled ids', { ...good, ids: ['a', 'a'] }],
      ['too few numbers', { ...good, embeddings: good.embeddings.slice(1) }],
      ['text for numbers', { ...good, embeddings: Array(32).fill('1') }],
      ['a row that is not of length 1', { ...good, embeddings: Array(32).fill(1) }],
      ['null for a number', { ...good, embeddings: [null, ...good.embeddings.slice(1)] }],
      ['a number that is not finite', { ...good, embeddings: [Number.NaN, ...good.embeddings.slice(1)] }],
    ];
    for (const [what, data] of broken) expect(() => Gallery.from(data), what).toThrow(InvalidInputError);
  });
});
