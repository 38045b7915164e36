import { selectOutputs } from '@swinface/core';
import { compareWithGolden, golden } from '@swinface/testing';
import { expect, test } from 'vitest';
import { SHALLOW } from '../tfjs/tiny.js';
import { openTestPage } from './page.js';

test('threads reproduce the golden outputs, and end with the engine', async () => {
  const page = await openTestPage();
  const nano = await golden('swinface-nano');
  const result = await page.call('wasmOutputs', nano.config, 2);
  await page.close();
  // The page is cross-origin isolated and says that it has four processors.
  expect(result.description).toBe('WebAssembly (relaxed SIMD, 2 threads)');
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
  expect(lines.filter(({ passed }) => !passed)).toEqual([]);
  expect(Math.max(...lines.map(({ max }) => max))).toBeLessThan(2e-5);
  expect(result.codes).toEqual(['fine', 'DISPOSED']);
});

test('where a policy stops the threads, the calling thread computes', async () => {
  const page = await openTestPage({
    'Content-Security-Policy': "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'",
  });
  const result = await page.call('wasmOutputs', SHALLOW, 1);
  await page.close();
  expect(result.description).toBe('WebAssembly (relaxed SIMD, 1 thread)');
  expect(result.embeddings.length).toBeGreaterThan(0);
});
