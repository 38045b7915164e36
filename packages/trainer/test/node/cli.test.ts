/** What the commands say when what they are given is missing or wrong. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidInputError } from '@swinface/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../src/cli.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const RECIPE = fileURLToPath(new URL('../../recipes/swinface-nano.json', import.meta.url));
const run = (...args: readonly string[]) =>
  main(['node', 'swinface-trainer', ...args.map((arg) => arg.replace('FOLDER', folder))]);

describe('what is missing is named, with what should be there', () => {
  test.each<[string, RegExp]>([
    [
      'train --recipe FOLDER/none.json --out FOLDER/run',
      /none\.json cannot be read. Expected a recipe as JSON. Got no such file.*swinface-nano\.json/,
    ],
    ['train --recipe FOLDER --out FOLDER/run', /Got a folder/],
    ['benchmark --recipe FOLDER/none.json', /none\.json cannot be read/],
    [
      'align --photos FOLDER --out FOLDER/a.jsonl --model FOLDER/nowhere',
      /nowhere cannot be read. Expected MediaPipe's face_landmarker\.task/,
    ],
    ['ablate --study FOLDER/none.json --out FOLDER/run', /none\.json cannot be read. Expected a study/],
    ['list --layout utkface --folder FOLDER/none', /none cannot be read. Expected the folder of a data set/],
    ['export --run FOLDER/none --out FOLDER/out', /none\/recipe\.json cannot be read/],
    ['convert FOLDER/none.pt --out FOLDER/out', /none\.pt cannot be read/],
    ['evaluate --weights FOLDER/none.json --data FOLDER/a.jsonl', /none\.json cannot be read/],
    ['evaluate --weights FOLDER/none.json --data FOLDER/a.jsonl --pairs FOLDER/pairs.txt', /pairs\.txt cannot be read/],
    ['explain --weights FOLDER/none.json --data FOLDER/a.jsonl --out FOLDER/out', /none\.json cannot be read/],
    ['quantize --weights FOLDER/none.json --to f16 --out FOLDER/out', /none\.json cannot be read/],
  ])('%s', async (command, message) => {
    await expect(run(...command.split(' '))).rejects.toThrow(message);
    await expect(run(...command.split(' '))).rejects.toBeInstanceOf(InvalidInputError);
  });
});

describe('a recipe that is wrong', () => {
  const train = () => run('train', '--recipe', join(folder, 'r.json'), '--out', join(folder, 'run'));

  test('names the line in which it is malformed', async () => {
    await writeFile(join(folder, 'r.json'), '{\n  "batch": 4,\n  // half\n}\n');
    await expect(train()).rejects.toThrow(/r\.json:3 is not JSON.*Got \/\/ half/);
  });

  test('names what it lacks', async () => {
    const { batch, ...recipe } = JSON.parse(await readFile(RECIPE, 'utf8')) as { batch: number };
    expect(batch).toBeGreaterThan(0);
    await writeFile(join(folder, 'r.json'), JSON.stringify(recipe));
    await expect(train()).rejects.toThrow(/r\.json:1 lacks the field `batch`.*README/);
  });

  test('names a network that does not exist', async () => {
    const recipe = JSON.parse(await readFile(RECIPE, 'utf8')) as object;
    await writeFile(join(folder, 'r.json'), JSON.stringify({ ...recipe, model: '__proto__' }));
    const benchmark = run('benchmark', '--recipe', join(folder, 'r.json'));
    await expect(benchmark).rejects.toThrow(/no network __proto__/);
  });

  test('names a list that is missing', async () => {
    const recipe = JSON.parse(await readFile(RECIPE, 'utf8')) as { data: object };
    const part = { list: join(folder, 'none.jsonl'), count: 4 };
    const data = { cache: join(folder, 'cache'), parts: [part] };
    await writeFile(join(folder, 'r.json'), JSON.stringify({ ...recipe, data }));
    await expect(train()).rejects.toThrow(/none\.jsonl cannot be read. Expected a list NAME\.jsonl/);
  });

  test('names an archive that is missing, instead of training without its faces', async () => {
    const recipe = JSON.parse(await readFile(RECIPE, 'utf8')) as { data: object };
    const list = join(folder, 'a.jsonl');
    await writeFile(list, '{"key":"a","shard":"a-00.tar","file":"a.png","age":3,"split":"train"}\n');
    const data = { cache: join(folder, 'cache'), parts: [{ list, count: 4 }] };
    await writeFile(join(folder, 'r.json'), JSON.stringify({ ...recipe, data }));
    vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await expect(train()).rejects.toThrow(/a-00\.tar cannot be read/);
  });
});

test('a damaged checkpoint is refused with a reason', async () => {
  const run_ = join(folder, 'run');
  await mkdir(run_);
  await writeFile(join(run_, 'recipe.json'), await readFile(RECIPE, 'utf8'));
  for (const bytes of ['', 'x', 'no checkpoint at all', '\x04\0\0\0null', '\x02\0\0\0{}', '\x02\0\0\0{x']) {
    await writeFile(join(run_, 'checkpoint.bin'), bytes);
    await expect(run('export', '--run', run_, '--out', join(folder, 'out'))).rejects.toThrow(
      /checkpoint\.bin is no checkpoint, or is damaged/,
    );
  }
});

test('--version tells the version of the package', async () => {
  const { version } = JSON.parse(
    await readFile(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8'),
  ) as { version: string };
  const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit ${code}`);
  });
  await expect(run('--version')).rejects.toThrow('exit 0');
  expect(printed).toHaveBeenCalledWith(`${version}\n`);
  expect(exit).toHaveBeenCalledWith(0);
});
