import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InvalidInputError } from '@swinface/core';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { tellSoak } from '../../../../scripts/lib/soak.mjs';
import { checkpointPath } from '../../src/engine/checkpoint.js';
import { train } from '../../src/train/train.js';
import { fillAfter, withSmallDisk } from './support/full-disk.js';
import { KILLS, killedOptions, killedRecipe, main as sitting } from './support/sitting.js';
import { TinySource, tinyRecipe } from './support/tiny.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/** State without the time it took, and the tensors. */
async function contents(run: string): Promise<{ state: Record<string, unknown>; tensors: Buffer }> {
  const bytes = await readFile(checkpointPath(run));
  const end = 4 + bytes.readUInt32LE(0);
  const { elapsed: _, ...state } = JSON.parse(bytes.subarray(4, end).toString()) as Record<string, unknown>;
  return { state, tensors: bytes.subarray(end) };
}

const ended = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });

test('a trainer that is killed again and again ends where one in a piece does, bit for bit', async () => {
  const [straight, killed] = [join(folder, 'straight'), join(folder, 'killed')];
  const child = fileURLToPath(new URL('./support/sitting.mjs', import.meta.url));
  for (let kill = 0; kill < KILLS; kill++) {
    const seen = existsSync(checkpointPath(killed)) ? (await contents(killed)).state.step : 0;
    const running = spawn(process.execPath, [child, killed, ...(seen === 0 ? [] : ['resume'])]);
    let said = '';
    running.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    const stepOf = async () => (existsSync(checkpointPath(killed)) ? Number((await contents(killed)).state.step) : 0);
    while ((await stepOf()) <= Number(seen)) {
      if (running.exitCode !== null) throw new Error(`The trainer ended by itself: ${said}`);
      await sleep(20);
    }
    // Somewhere in the middle of a step or of the next checkpoint.
    await sleep([0, 40, 150][kill % 3]);
    running.kill('SIGKILL');
    await ended(running);
  }
  await sitting(killed, true);
  await train(killedRecipe(), new TinySource(), killedOptions(straight));
  const [a, b] = [await contents(straight), await contents(killed)];
  expect(b.state).toEqual(a.state);
  expect(b.tensors.equals(a.tensors)).toBe(true);
  // Nothing half-written and no lock is left.
  expect((await readdir(killed)).filter((name) => name.startsWith('.'))).toEqual([]);
  await tellSoak({
    what: 'trainer killed and resumed',
    times: KILLS,
    outcome: 'the checkpoint of a run in one piece, bit for bit',
  });
}, 3_600_000);

test('a run whose disk fills keeps its last checkpoint, and fails', async () => {
  const check = async (run: string, fill: () => Promise<void>) => {
    const options = { out: run, device: 'cpu' as const, threads: 1, checkpointMinutes: 0 };
    await train(tinyRecipe(), new TinySource(), { ...options, stopAfter: 2 });
    const before = await readFile(checkpointPath(run));
    await fill();
    const failure = train(tinyRecipe(), new TinySource(), { ...options, resume: true });
    await expect(failure).rejects.toThrow(/could not be written.*disk is full \(ENOSPC\)/);
    await expect(failure).rejects.toBeInstanceOf(InvalidInputError);
    expect((await readFile(checkpointPath(run))).equals(before)).toBe(true);
  };
  const own = await withSmallDisk(folder, 8192, async (disk) => {
    const run = join(disk, 'run');
    await check(run, async () => {
      const { size } = await stat(checkpointPath(run));
      // Leaves room for logs and half a checkpoint.
      const { bavail, bsize } = await statfs(disk);
      await writeFile(join(disk, 'filler'), Buffer.alloc(bavail * bsize - size / 2));
    });
  });
  if (!own) await check(join(folder, 'run'), () => fillAfter(20_000, join(folder, 'scratch')));
  await tellSoak({
    what: "trainer's disk full",
    times: 1,
    outcome: 'the run failed typed, its last checkpoint stayed whole',
  });
});

test('a second trainer in the same folder is refused by the number of the first, which goes on', async () => {
  const run = join(folder, 'run');
  const options = { out: run, device: 'cpu' as const, threads: 1 };
  const first = train(tinyRecipe(), new TinySource(), options);
  while (!existsSync(join(run, '.swinface.lock'))) await sleep(5);
  const second = train(tinyRecipe(), new TinySource(), { ...options, resume: true });
  await expect(second).rejects.toThrow(new RegExp(`in use by another trainer.*process ${process.pid}`));
  expect(await first).toMatchObject({ step: 6, finished: true });
});
