import { expect, test } from 'vitest';
import { explainStrings } from '../../src/explanation/strings.js';
import { ar } from '../../src/strings/ar.js';
import { de } from '../../src/strings/de.js';
import { en } from '../../src/strings/en.js';
import { stringsFor } from '../../src/strings/index.js';

/** Paths of all words of a language; functions count as one. */
function paths(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => paths(inner, `${path}.${key}`));
}

const at = (value: unknown, path: string): unknown =>
  path
    .slice(1)
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);

/** Written the same in English and German. */
const SAME = ['.expressions.neutral', '.direction'];

for (const [name, strings] of [
  ['German', de],
  ['Arabic', ar],
] as const) {
  test(`${name} says everything that English says, in its own words`, () => {
    for (const [theirs, ours] of [
      [strings, en],
      [explainStrings(strings.locale), explainStrings('en')],
    ]) {
      expect(paths(theirs).sort()).toEqual(paths(ours).sort());
      for (const path of paths(ours).filter((each) => !SAME.includes(each))) {
        const word = at(theirs, path);
        if (typeof word === 'string') expect(word.trim(), path).not.toBe('');
        expect(word, path).not.toBe(at(ours, path));
      }
    }
  });
}

test('a language is found by its tag, whatever its region; English is the rest', () => {
  expect(stringsFor('de-AT')).toBe(de);
  expect(stringsFor('AR-eg')).toBe(ar);
  expect(stringsFor('fr')).toBe(en);
  expect(stringsFor('')).toBe(en);
  expect(stringsFor(undefined)).toBe(en);
});

test('counts are inflected', () => {
  expect([0, 1, 2].map(en.faces)).toEqual(['No face in view', '1 face in view', '2 faces in view']);
  expect([0, 1, 2].map(de.faces)).toEqual(['Kein Gesicht im Bild', '1 Gesicht im Bild', '2 Gesichter im Bild']);
  // Arabic has a form each for none, one, two, a few, many and hundreds.
  expect(new Set([0, 1, 2, 3, 11, 100].map((n) => ar.faces(n).replace(/\p{Nd}+/gu, ''))).size).toBe(6);
});

test('words are about appearances', () => {
  for (const strings of [en, de, ar]) {
    const text = JSON.stringify(strings);
    expect(text).not.toMatch(/emotion|Gefühl|Stimmung/i);
  }
  expect(en.age).toBe('Apparent age');
  expect(en.gender).toBe('Apparent gender');
});
