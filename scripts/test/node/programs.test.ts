import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { findProgram } from '../../lib/programs.mjs';

const WANTED = { title: 'A browser', variable: 'A_BROWSER_PATH', names: ['no-such-browser'], packages: ['a-browser'] };

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test('a program is what the environment names, else what the PATH has', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swinface-programs-'));
  const program = join(folder, 'no-such-browser');
  await writeFile(program, '#!/bin/sh\n', { mode: 0o755 });
  vi.stubEnv('PATH', folder);
  expect(await findProgram(WANTED)).toBe(program);
  vi.stubEnv('A_BROWSER_PATH', process.execPath);
  expect(await findProgram(WANTED)).toBe(process.execPath);
  vi.stubEnv('A_BROWSER_PATH', join(folder, 'nothing'));
  await expect(findProgram(WANTED)).rejects.toThrow('is not a program');
  await rm(folder, { recursive: true });
});

test('one that is missing and cannot be installed says what to do', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  const message = await findProgram(WANTED).catch(({ message }) => message);
  expect(message).toContain('A browser is missing');
  expect(message).toContain('a-browser');
  expect(message).toContain('Or set A_BROWSER_PATH to its program.');
});
