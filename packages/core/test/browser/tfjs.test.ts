import { selectOutputs } from '@swinface/core';
import { compareWithGolden, golden } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SHALLOW } from '../tfjs/tiny.js';
import { openTestPage, type TestPage } from './page.js';

let page: TestPage;
beforeAll(async () => {
  page = await openTestPage();
});
afterAll(() => page.close());

describe.each([
  { backend: 'wasm', description: /WebAssembly, 2 threads/ }, // the page is cross-origin isolated
  { backend: 'webgl', description: /WebGL/ },
] as const)('TfjsEngine on $backend in a browser', ({ backend, description }) => {
  test('reproduces the golden outputs and leaves no tensors behind', async () => {
    const nano = await golden('swinface-nano');
    const result = await page.call('outputs', backend, nano.config, 2);
    expect(result.description).toMatch(description);
    expect(result.left).toBe(0);
    const [a = [], b = [], c = [], d = []] = result.levels ?? [];
    const results = {
      embedding: Float32Array.from(result.embeddings),
      logits: Float32Array.from(result.logits),
      level1: Float32Array.from(a),
      level2: Float32Array.from(b),
      level3: Float32Array.from(c),
      level4: Float32Array.from(d),
    };
    const lines = compareWithGolden(nano, selectOutputs(nano.config), results);
    expect(lines).toHaveLength(43 + 4 * 3);
    for (const line of lines) expect(line, line.output).toMatchObject({ passed: true });
  });

  test('computes every operation as the reference does', async () => {
    expect(await page.call('failures', backend)).toEqual([]);
  });
});

test('the loss of the WebGL context is told, and a new engine works', async () => {
  expect(await page.call('codesAfterContextLoss', SHALLOW)).toEqual(['DEVICE_LOST', 'DEVICE_LOST', 'fine']);
});

test('missing .wasm files are an error that names the option', async () => {
  const other = await openTestPage(); // tfjs does not try a second time
  const error = await other.call('withoutWasmFiles', SHALLOW);
  await other.close();
  expect(error.code).toBe('UNSUPPORTED_DEVICE');
  expect(error.message).toMatch(/wasmPaths/);
});

test.each(["worker-src 'self' blob:", "worker-src 'self'"])(
  'a policy that stops threads from blobs means one thread, not waiting for ever (%s)',
  async (workers) => {
    const policy = `script-src 'self' 'wasm-unsafe-eval'; ${workers}`;
    const other = await openTestPage({ 'Content-Security-Policy': policy });
    const { description, embeddings } = await other.call('outputs', 'wasm', SHALLOW, 1);
    await other.close();
    expect(description).toMatch(/WebAssembly, 1 thread\)/);
    expect(embeddings.length).toBeGreaterThan(0);
  },
);
