import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ablate, mergePatch } from '../../src/ablate/ablate.js';
import { ablationTable } from '../../src/ablate/table.js';
import { Random } from '../../src/data/random.js';
import { checkpointPath, readAverages } from '../../src/engine/checkpoint.js';
import { isRunning, isTrainable } from '../../src/graph/parameters.js';
import { parseRecipe } from '../../src/recipe/recipe.js';

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

/** A list of faces with every label, half of them held out. */
async function faces(count: number): Promise<string> {
  const random = new Random(3);
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const noise = Buffer.from(Array.from({ length: 12 * 12 * 3 }, () => random.integer(256)));
    const file = `${i}.png`;
    await sharp(noise, { raw: { width: 12, height: 12, channels: 3 } })
      .resize(112, 112)
      .toFile(join(folder, file));
    const labels = { age: 20 + i, gender: i % 2 ? 'male' : 'female', attributes: '01'.repeat(20), votes: { fear: 9 } };
    const identity = String(i % 2);
    lines.push(
      JSON.stringify({ key: file, file, points: null, identity, ...labels, split: i < count / 2 ? 'train' : 'val' }),
    );
  }
  const list = join(folder, 'faces.jsonl');
  await writeFile(list, lines.join('\n'));
  return list;
}

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

test('a difference counts where it is more than the scatter that is not common to a row or a seed', () => {
  const row = (variant: string, ...shares: number[]) => ({ variant, metrics: shares.map((share) => ({ share })) });
  // The second seed is better by ten in all rows but one.
  const rows = [row('base', 0.5, 0.6), row('better', 0.53, 0.63), row('unsteady', 0.46, 0.6), row('worse', 0.44, 0.54)];
  // Residuals of 0.5, and of 1.5 in one row: a variance of (6 * 0.5² + 2 * 1.5²) / 3 = 2, and twice its root is 2.83.
  expect(ablationTable(rows).slice(2)).toEqual([
    '| base | 55.00 ± 5.00 |',
    '| better | 58.00 (**+3.00**) |',
    '| unsteady | 53.00 (-2.00) |',
    '| worse | 49.00 (**-6.00**) |',
    '| noise | ± 2.83 |',
  ]);
  expect(ablationTable(rows.slice(0, 1)).slice(2)).toEqual(['| base | 55.00 ± 5.00 |', '| noise |  |']);
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
        variants: { muon: { optimizer: { method: 'muon' } } },
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
      '| muon | 80.00 (**+25.00**) | 8.00 (**+2.50**) |',
      '| noise | ± 10.00 | ± 1.00 |',
    ]);
  });

  test('every run begins with the start of all, and layers that give other answers begin anew', async () => {
    const list = await faces(6);
    const { base } = await readStudy();
    const study = join(folder, 'study.json');
    const frozen = ['patch_embed', 'layers', 'recognition', 'subnets.convs'];
    const part = { list, count: 2, identities: true };
    const changes = {
      batch: 2,
      frozen,
      length: { steps: 1 },
      optimizer: { warmUp: 0 },
      objectives: { distillation: 'off', identity: { scale: 8, margin: 0.1, sampling: 1 } },
      data: { cache: join(folder, 'cache'), teacher: null, parts: [part] },
    };
    await writeFile(
      study,
      JSON.stringify({
        seeds: [1, 2],
        evaluation: [list],
        base: mergePatch(base, changes),
        start: { frozen: [], seed: 9, data: { seed: 9 } },
        variants: { 'ordinal age': { objectives: { age: { method: 'ordinal', ranks: 7 } } } },
      }),
    );
    const rows = await ablate({ study, out: join(folder, 'runs'), threads: 1 });
    expect(rows.map(({ variant, metrics }) => [variant, metrics.length])).toEqual([
      ['base', 2],
      ['ordinal age', 2],
    ]);
    const tensors = async (run: string) => (await readAverages(checkpointPath(join(folder, 'runs', run)))).tensors;
    const start = await tensors('start');
    for (const run of ['base-1', 'base-2', 'ordinal age-1']) {
      const learnt = await tensors(run);
      for (const [name, { data }] of start) {
        if (isTrainable(name, frozen) || isRunning(name)) continue;
        expect(learnt.get(name)?.data, `${run} ${name}`).toEqual(data);
      }
      expect(learnt.get('subnets.tss.0.weight')?.data, run).not.toEqual(start.get('subnets.tss.0.weight')?.data);
    }
    const logits = start.get('subnets.output_fcs.weight')?.shape[0] ?? Number.NaN;
    // Six thresholds in the place of one age.
    expect((await tensors('ordinal age-1')).get('subnets.output_fcs.weight')?.shape[0]).toBe(logits + 5);
  }, 60_000); // trains five runs for a step and judges four

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
