import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lineOf, malformedLine } from '../../../src/files/json.js';
import { parseJson, readJson, readText, requireFile } from '../../../src/files/read.js';
import { parseRecipe } from '../../../src/recipe/recipe.js';
import { tinyRecipe } from '../support/tiny.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('what cannot be read is named, with the reason', async () => {
  await expect(readText(join(folder, 'none'), 'a list')).rejects.toThrow(
    /none cannot be read. Expected a list. Got no such file/,
  );
  await mkdir(join(folder, 'sub'));
  for (const read of [readText, requireFile]) {
    await expect(read(join(folder, 'sub'), 'a list', 'Look elsewhere.')).rejects.toThrow(
      /Got a folder. Look elsewhere/,
    );
    await expect(read(join(folder, 'none'), 'a list')).rejects.toBeInstanceOf(InvalidInputError);
  }
});

describe('JSON', () => {
  test.each([
    ['{\n "a": 1,\n "b": tru\n}', 3],
    ['{\n "a": 1,\n}', 3],
    ['{\n "a": 1\n', 3],
    ['// a comment\n{}', 1],
    ["{\n'a': 1}", 2],
    ['{"a": "two\nlines"}', 1],
    ['{"a": 01}', 1],
    ['{\n"a\u0001": 1}', 2],
    ['{\n"a": "\u0000"}', 2],
    ['[1, 2\n3]', 2],
    ['{}\n{}', 2],
    ['', 1],
    ['{"a": "\\x"}', 1],
    [`${'['.repeat(1000)}\n`, 1],
  ])('%j is malformed in line %i', (text, line) => {
    expect(() => parseJson(text, 'a.json')).toThrow(new RegExp(`^a\\.json:${line} is not JSON`));
    expect(malformedLine(text)).toBe(line);
  });

  test('knows in which line each part starts', () => {
    const text = '{\n "a": {\n  "b\\u0063": [1,\n 2, {"d":\n null}]\n }, "e": -1.5e3, "f": true}';
    expect(lineOf(text, ['a'])).toBe(2);
    expect(lineOf(text, ['a', 'bc'])).toBe(3);
    expect(lineOf(text, ['a', 'bc', 1])).toBe(4);
    expect(lineOf(text, ['a', 'bc', 2, 'd'])).toBe(5);
    expect(lineOf(text, ['f'])).toBe(6);
    // What is not there should stand in the part around it.
    expect(lineOf(text, ['a', 'missing'])).toBe(2);
    expect(lineOf(text, ['missing'])).toBe(1);
  });

  test('a recipe names the line of what is wrong with it', async () => {
    const path = join(folder, 'recipe.json');
    const recipe = { ...tinyRecipe(), model: 'swinface-nano', data: { cache: 'c', parts: [{ list: 'a', count: 4 }] } };
    const read = async (changed: object) => {
      await writeFile(path, JSON.stringify(changed, null, 1));
      const { value, where } = await readJson(path, 'a recipe');
      return parseRecipe(value, where);
    };
    await expect(read(recipe)).resolves.toMatchObject({ batch: 4 });
    const { batch, ...without } = recipe;
    await expect(read(without)).rejects.toThrow(/recipe\.json:1 lacks the field `batch`/);
    await expect(read({ ...recipe, seed: 'x' })).rejects.toThrow(/recipe\.json:7 has a wrong `seed`.*Expected number/);
    await expect(read({ ...recipe, bath: 4 })).rejects.toThrow(/unknown field `bath`.*README/);
    const part = { list: 'a', count: 4, crop: { side: 8, scale: 1, channels: 3 } };
    await expect(read({ ...recipe, data: { cache: 'c', parts: [part] } })).rejects.toThrow(
      /recipe\.json:\d+ has a wrong `data\.parts\[0\]\.crop\.side`/,
    );
    await expect(read({ ...recipe, length: { steps: 0 } })).rejects.toThrow(/:\d+ has a wrong `length\.steps`/);
    await expect(read(Object(7))).rejects.toThrow(/recipe\.json:1 has a wrong content/);
  });
});
