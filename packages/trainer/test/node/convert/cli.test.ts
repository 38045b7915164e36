import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSafetensors } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { golden } from '@swinface/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { main } from '../../../src/cli.js';
import { convert } from '../../../src/convert/index.js';

const AUTHORS_FILE = 'checkpoint_step_79999_gpu_0.pt';
const home = process.cwd();
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-cli-'));
});
afterEach(async () => {
  process.chdir(home);
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

test("the README's command does what the README says", async () => {
  const { weights } = await golden('swinface-nano');
  await writeFile(join(folder, 'nano.safetensors'), writeSafetensors(weights, 'F32'));
  await convert({ file: join(folder, 'nano.safetensors'), out: join(folder, 'authors'), to: 'pytorch' });
  await rename(join(folder, 'authors.pt'), join(folder, AUTHORS_FILE));

  const readme = await readFile(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8');
  const command = new RegExp(`^npx swinface-trainer (convert ${AUTHORS_FILE} --out \\S+)$`, 'm').exec(readme)?.[1];
  expect(command).toBeDefined();
  const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  process.chdir(folder);
  await main(['node', 'swinface-trainer', ...(command ?? '').split(' ')]);

  const { manifest, weights: converted } = await readModelFile(join(folder, 'models/swinface-t.json'));
  expect(manifest.config.name).toBe('swinface-nano');
  const bytes = (data: Float32Array | undefined) =>
    Buffer.from(data?.buffer ?? new ArrayBuffer(), data?.byteOffset, data?.byteLength);
  for (const [name, { data }] of weights) expect(bytes(converted.get(name)?.data).equals(bytes(data)), name).toBe(true);
  expect(await readdir(join(folder, 'models'))).toHaveLength(manifest.shards.length + 1);
  const lines = printed.mock.calls.map(([line]) => String(line));
  expect(lines[0]).toMatch(/^checkpoint_step_79999_gpu_0\.pt: PyTorch checkpoint, \d+ tensors, fits swinface-nano\n$/);
  expect(lines.at(-1)).toBe('wrote models/swinface-t.json\n');
});
