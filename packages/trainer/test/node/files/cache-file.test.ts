import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type CacheOptions, openCacheFile } from '../../../src/files/cache-file.js';
import { FolderLock } from '../../../src/files/lock.js';
import { fillAfter } from '../support/full-disk.js';

let folder: string;
let made: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
  made = 0;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const CONTENT = Buffer.alloc(5000, 9);
const options = (inputs = 'one'): CacheOptions<{ faces: number }> => ({
  folder,
  name: 'a.crops',
  inputs,
  details: v.object({ faces: v.number() }),
  make: async (file) => {
    made++;
    await file.write(CONTENT.subarray(0, 2000));
    await file.write(CONTENT.subarray(2000));
    return { faces: 3 };
  },
});

async function content(inputs?: string): Promise<Buffer> {
  const { handle, details, bytes } = await openCacheFile(options(inputs));
  expect(details).toEqual({ faces: 3 });
  expect(bytes).toBe(CONTENT.length);
  const read = await handle.readFile();
  await handle.close();
  return read;
}

test('it is made once, and again for other inputs', async () => {
  expect((await content()).equals(CONTENT)).toBe(true);
  await content();
  expect(made).toBe(1);
  await content('two');
  expect(made).toBe(2);
  expect((await readdir(folder)).sort()).toEqual(['a.crops', 'a.crops.json']);
});

test.each([
  ['is cut short', (path: string) => truncate(path, 4999)],
  ['has a changed byte', (path: string) => writeFile(path, Buffer.concat([CONTENT.subarray(1), Buffer.of(8)]))],
  ['is missing', (path: string) => rm(path)],
  ['has no record', (path: string) => rm(`${path}.json`)],
  ['has a record that is cut short', (path: string) => truncate(`${path}.json`, 20)],
  ['has the record of something else', (path: string) => writeFile(`${path}.json`, '{"inputs":"one"}')],
])('what %s is made again', async (_, damage) => {
  await content();
  await damage(join(folder, 'a.crops'));
  expect((await content()).equals(CONTENT)).toBe(true);
  expect(made).toBe(2);
});

test('where the disk is full nothing counts as made, and the old file stays', async () => {
  await content();
  await fillAfter(3000, join(folder, 'scratch'));
  await expect(content('two')).rejects.toThrow(/disk is full/);
  vi.restoreAllMocks();
  expect((await readFile(join(folder, 'a.crops'))).equals(CONTENT)).toBe(true);
  await content();
  expect(made).toBe(2);
});

test('a folder that another process is filling is refused, one that is filled is not', async () => {
  const lock = await FolderLock.acquire(folder);
  await expect(content()).rejects.toThrow(/in use by another trainer/);
  await lock.release();
  await content();
  const held = await FolderLock.acquire(folder);
  await content();
  await held.release();
  expect(made).toBe(1);
});
