/** The commands of the repository as people type them, each on as little as it accepts. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inRepo } from '../../lib/repo.mjs';
import { node, npmRun, start } from '../support/command.js';

let folder: string;
const at = (...parts: string[]) => join(folder, ...parts);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-commands-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const NANO_GOLDEN = inRepo('packages/testing/golden/swinface-nano.golden.json');

test('npm run bench measures engines on the shipped weights, and prints the tables again from its file', async () => {
  const engines = 'webgpu,webgpu-int8,wasm,ort-wasm,tfjs-wasm';
  const few = ['--models', 'nano', '--batches', '1', '--rounds', '1', '--budget', '1', '--minutes', '6'];
  const { stdout } = await npmRun('bench', ...few, '--engines', engines, '--json', at('bench.json'));
  const { passed, models } = JSON.parse(await readFile(at('bench.json'), 'utf8'));
  expect(passed).toBe(true);
  expect(models[0].cells.map(({ engine }: { engine: string }) => engine).sort()).toEqual(engines.split(',').sort());
  const again = await npmRun('bench', '--from', at('bench.json'));
  for (const engine of engines.split(',')) {
    expect(stdout).toContain(engine);
    expect(again.stdout).toContain(engine);
  }
});

test('npm run compare measures this SDK and human on the same photos', async () => {
  for (const name of ['swinface', 'human on wasm']) {
    const { stdout } = await npmRun('compare', '--rounds', '1', '--only', name, '--json', at('compare.json'));
    expect(stdout).toContain(name);
    const { rows } = JSON.parse(await readFile(at('compare.json'), 'utf8'));
    expect(rows).toHaveLength(1);
    for (const { photo, faces } of rows[0].photos) expect(faces, photo).toBeGreaterThan(0);
  }
});

test.each(['webgpu', 'wasm', 'onnx'])('npm run parity compares a golden file with %s', async (engine) => {
  const { stdout } = await npmRun('parity', NANO_GOLDEN, '--engine', engine);
  expect(JSON.parse(stdout)).toMatchObject({ passed: true });
});

test('npm run parity answers with 2 where it cannot compare', async () => {
  const printed = await start(process.execPath, [inRepo('scripts/parity.mjs'), at('absent.json'), '--engine', 'onnx']);
  expect(printed.code).toBe(2);
  expect(printed.stderr).toContain('absent.json');
});

test('npm run fuzz gives every reader damaged files', async () => {
  const { stdout } = await npmRun('fuzz', '--cases', '200');
  expect(stdout).toMatch(/\d+ cases: \d+ refused, \d+ read, 0 failed/);
});

test('npm run soak does a little of what it does', async () => {
  const little = ['--frames', '30', '--aborts', '10', '--kills', '1'];
  const { stdout } = await npmRun('soak', ...little, '--only', 'frames', '--only', 'aborts', '--only', 'killed');
  const rows = stdout.split('\n').filter((line) => line.startsWith('| '));
  expect(rows).toHaveLength(1 + 3);
  for (const row of rows.slice(1)) expect(row).not.toMatch(/FAILED|\| 0 \|/);
  expect(stdout).toContain('All of it came out right');
});

test('npm run docs builds the guide with the reference', async () => {
  await npmRun('docs', '--out', at('docs'));
  expect(await readdir(at('docs'))).toEqual(expect.arrayContaining(['index.html', 'documents']));
  expect((await readdir(at('docs/documents'))).length).toBe((await readdir(inRepo('docs/guide'))).length);
});

test('npm run fixtures finds its applications', async () => {
  const { stdout } = await npmRun('fixtures', '--list');
  expect(stdout).toMatch(/Next\.js with turbopack/);
  expect(stdout).toMatch(/Next\.js with webpack/);
});

test('node scripts/wasm-kernels.mjs compiles what is committed', async () => {
  const files = ['kernels.ts', 'kernels-shared.ts'].map((name) => inRepo('packages/core/src/executors/wasm', name));
  const before = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  await node('scripts/wasm-kernels.mjs');
  expect(await Promise.all(files.map((path) => readFile(path, 'utf8')))).toEqual(before);
});

test('npm start says where the pages are, serves them, and stops', async () => {
  const server = spawn(process.execPath, [inRepo('scripts/start.mjs')], {
    env: { ...process.env, PORT: '0', NO_COLOR: '1' },
  });
  try {
    let url: string | undefined;
    const stderr: string[] = [];
    server.stderr.on('data', (piece) => stderr.push(String(piece)));
    for await (const line of createInterface({ input: server.stdout })) {
      url = /SwinFace is at +(\S+)/.exec(line)?.[1];
      if (url) break;
    }
    if (!url) throw new Error(`npm start named no address:\n${stderr.join('')}`);
    const page = await fetch(new URL('photo/', url));
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<title>');
  } finally {
    server.kill();
  }
});
