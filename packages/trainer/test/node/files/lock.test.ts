import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '@swinface/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FolderLock } from '../../../src/files/lock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
});
afterEach(() => rm(folder, { recursive: true }));

const lockFile = () => join(folder, '.swinface.lock');
const owner = async () => JSON.parse(await readFile(lockFile(), 'utf8')) as Record<string, unknown>;

test('a folder is taken once, and again when it is given back', async () => {
  const lock = await FolderLock.acquire(folder);
  const second = FolderLock.acquire(folder);
  await expect(second).rejects.toThrow(InvalidInputError);
  await expect(second).rejects.toThrow(new RegExp(`in use by another trainer.*process ${process.pid}\\b`));
  await lock.release();
  await (await FolderLock.acquire(folder)).release();
  expect(await readdir(folder)).toEqual([]);
});

test('of twenty that want a free folder at once, one gets it', async () => {
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => FolderLock.acquire(folder)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('the lock of a process that has ended is taken over, by one of twenty, with what it left half-written', async () => {
  const ended = spawn('true');
  await new Promise((resolve) => ended.once('exit', resolve));
  await writeFile(lockFile(), JSON.stringify({ pid: ended.pid, host: hostname(), started: null, id: 'a' }));
  await mkdir(join(folder, '.swinface-abc'));
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => FolderLock.acquire(folder)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await owner()).toMatchObject({ pid: process.pid });
  expect(await readdir(folder)).toEqual(['.swinface.lock']);
});

test('a process that runs under the number of one that has ended is not taken for it', async () => {
  const lock = await FolderLock.acquire(folder);
  const { started } = await owner();
  // Linux knows when a process started; elsewhere its number must do.
  const earlier = started === null ? 'taken over' : String(Number(started) - 1);
  await writeFile(lockFile(), JSON.stringify({ ...(await owner()), started: earlier, id: 'a' }));
  if (started === null) await expect(FolderLock.acquire(folder)).rejects.toThrow(/in use/);
  else await (await FolderLock.acquire(folder)).release();
  await lock.release();
});

test('a process of another machine is believed to run, and the message says what to do if not', async () => {
  await writeFile(lockFile(), JSON.stringify({ pid: 7, host: 'elsewhere', started: null, id: 'a' }));
  await expect(FolderLock.acquire(folder)).rejects.toThrow(/process 7 on elsewhere.*delete .*\.swinface\.lock/);
});

test('an empty lock is one being written, until it has grown old', async () => {
  await writeFile(lockFile(), '');
  await expect(FolderLock.acquire(folder)).rejects.toThrow(/just starting/);
  const old = new Date(Date.now() - 60_000);
  await utimes(lockFile(), old, old);
  await (await FolderLock.acquire(folder)).release();
});

test('a lock that another has taken over is not removed', async () => {
  const lock = await FolderLock.acquire(folder);
  await writeFile(lockFile(), JSON.stringify({ ...(await owner()), id: 'another' }));
  await lock.release();
  expect(await owner()).toMatchObject({ id: 'another' });
});
