import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ablate, ablationTable, mergePatch } from '../../src/ablation.js';
import { parseRecipe } from '../../src/recipe.js';

const STUDY = fileURLToPath(new URL('../../recipes/ablation.json', import.meta.url));
interface Study {
  readonly base: object;
  readonly seeds: readonly number[];
  readonly variants: Readonly<Record<string, object>>;
}
const readStudy = async () => JSON.parse(await readFile(STUDY, 'utf8')) as Study;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-ablation-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('merge patches follow RFC 7386', () => {
  // Its own example and some of its appendix.
  const target = { title: 'Goodbye!', author: { givenName: 'John', familyName: 'Doe' }, tags: ['example'] };
  const patch = { title: 'Hello!', author: { familyName: null }, tags: ['sample'], phone: 1 };
  expect(mergePatch(target, patch)).toEqual({
    title: 'Hello!',
    author: { givenName: 'John' },
    tags: ['sample'],
    phone: 1,
  });
  expect(mergePatch({ a: [{ b: 'c' }] }, { a: [1] })).toEqual({ a: [1] });
  expect(mergePatch({ a: 'foo' }, 'bar')).toBe('bar');
  expect(mergePatch([1, 2], { a: 'b', c: null })).toEqual({ a: 'b' });
  expect(mergePatch({}, { a: { bb: { ccc: null } } })).toEqual({ a: { bb: {} } });
});

test('each variant of the committed study is a sound recipe, and differs from the base', async () => {
  const { base, variants } = await readStudy();
  const plain = parseRecipe(base);
  expect(plain.model).toMatchObject({ name: 'swinface-study', embed: 12, image: 112 });
  for (const [name, patch] of Object.entries(variants)) {
    expect(parseRecipe(mergePatch(base, patch)), name).not.toEqual(plain);
  }
});

describe('ablate', () => {
  test('does not train again what has been judged', async () => {
    const study = join(folder, 'study.json');
    const { base } = await readStudy();
    await writeFile(
      study,
      JSON.stringify({
        seeds: [1, 2],
        evaluation: ['set.jsonl'],
        base,
        variants: { muon: { optimiser: { method: 'muon' } } },
      }),
    );
    for (const [variant, figures] of Object.entries({ base: [0.5, 0.6], muon: [0.7, 0.9] })) {
      for (const [index, figure] of figures.entries()) {
        await mkdir(join(folder, `${variant}-${index + 1}`));
        const results = JSON.stringify({ 'set gender accuracy': figure, 'set age mean absolute error': 10 * figure });
        await writeFile(join(folder, `${variant}-${index + 1}`, 'results.json'), results);
      }
    }
    const rows = await ablate({ study, out: folder });
    expect(ablationTable(rows)).toEqual([
      '| variant | set gender accuracy | set age mean absolute error |',
      '|---|---|---|',
      '| base | 55.00 ± 5.00 | 5.50 ± 0.50 |',
      '| muon | 80.00 ± 10.00 | 8.00 ± 1.00 |',
    ]);
  });

  test('refuses a study with one seed, and a variant that is no recipe, before anything is trained', async () => {
    const { base } = await readStudy();
    const study = join(folder, 'study.json');
    const wrong = async (content: object) => {
      await writeFile(
        study,
        JSON.stringify({ seeds: [1, 2], evaluation: ['set.jsonl'], base, variants: {}, ...content }),
      );
      return ablate({ study, out: folder });
    };
    await expect(wrong({ seeds: [1] })).rejects.toThrow(/seeds/);
    await expect(wrong({ variants: { bad: { batch: 'many' } } })).rejects.toThrow(/batch/);
  });
});
