import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inRepo } from '../../lib/repo.mjs';
import { node, start } from '../support/command.js';

const PROGRAM = 'packages/swinface/bin/swinface-assets.mjs';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-assets-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('swinface-assets copies weights and wasm, and says what and how much', async () => {
  const { stdout } = await node(PROGRAM, folder);
  const manifest = JSON.parse(await readFile(join(folder, 'models/swinface-nano.json'), 'utf8'));
  for (const { file, sha256 } of manifest.shards) {
    const bytes = await readFile(join(folder, 'models', file));
    expect(createHash('sha256').update(bytes).digest('hex'), file).toBe(sha256);
  }
  expect(await readdir(join(folder, 'models'))).not.toContain('package.json');
  // The addresses that the SDK looks at by default, /assets/mediapipe and its sisters.
  expect((await readdir(join(folder, 'assets'))).sort()).toEqual(['face-api', 'mediapipe', 'tfjs']);
  expect(stdout).toMatch(/^models: \d+ files of @swinface\/models, [\d.]+ MB$/m);
  expect(stdout).toMatch(/^[\d.]+ MB in all/m);
  expect(stdout).toContain('face_landmarker.task is not on npm');
});

test('swinface-assets asks for one folder', async () => {
  for (const args of [[], ['--help'], [folder, folder]]) {
    const printed = await start(process.execPath, [inRepo(PROGRAM), ...args]);
    expect(printed.code).toBe(1);
    expect(printed.stderr).toContain('Usage: swinface-assets FOLDER');
  }
});
