import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { FaceAnalyzer as Analyzer } from 'swinface';
import { expect, isTrained, test } from './fixtures.js';
import { openHarness } from './harness/build.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;

/** The SDK as the harness page holds it. */
interface Harness {
  readonly FaceAnalyzer: typeof Analyzer;
}

test('created, disposed and created again, the built SDK gives the same answers', async ({ page }) => {
  await openHarness(page);
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer } = globalThis as unknown as Harness;
    const photo = await (await fetch('/assets/samples/sample3.jpg')).blob();
    const analyzeOnce = async () => {
      const analyzer = await FaceAnalyzer.create({ model, engine: 'webgpu' });
      const faces = await analyzer.analyze(photo);
      const cloned = structuredClone(faces);
      analyzer.dispose();
      const after = await analyzer.analyze(photo).then(
        () => 'answered',
        (error) => error.code,
      );
      return { embeddings: cloned.map(({ embedding }) => [...(embedding ?? [])]), after };
    };
    return [await analyzeOnce(), await analyzeOnce()];
  }, MODEL);
  const [first, second] = outcome;
  expect(first?.embeddings).toHaveLength(3);
  expect(first?.after).toBe('DISPOSED');
  expect(second).toEqual(first);
});

test('an abort ends loading and analysing with its reason', async ({ page }) => {
  await openHarness(page);
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer } = globalThis as unknown as Harness;
    const reason = (promise: Promise<unknown>) =>
      promise.then(
        () => 'no error',
        (error) => String(error),
      );
    const loading = new AbortController();
    const created = reason(
      FaceAnalyzer.create({
        model,
        signal: loading.signal,
        onProgress: () => loading.abort(new Error('changed my mind')),
      }),
    );
    const whileLoading = await created;
    const analyzer = await FaceAnalyzer.create({ model, engine: 'webgpu' });
    const photo = await (await fetch('/assets/samples/sample3.jpg')).blob();
    const analysing = new AbortController();
    const pending = reason(analyzer.analyze(photo, { signal: analysing.signal }));
    analysing.abort(new Error('too slow'));
    const whileAnalysing = await pending;
    const faces = await analyzer.analyze(photo);
    analyzer.dispose();
    return { whileLoading, whileAnalysing, faces: faces.length };
  }, MODEL);
  expect(outcome).toEqual({ whileLoading: 'Error: changed my mind', whileAnalysing: 'Error: too slow', faces: 3 });
});

/** Where graphics cards' fastest kernels are kept; no software adapter comes so far, so that its code is tested alone. */
async function findingsScript(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../packages/core/src/executors/webgpu/findings.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [
      {
        name: 'shaders',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /\.wgsl\?raw$/ }, ({ path, resolveDir }) => ({
            path: `${resolveDir}/${path.replace('?raw', '')}`,
            namespace: 'shader',
          }));
          onLoad({ filter: /./, namespace: 'shader' }, async ({ path }) => ({
            contents: await readFile(path),
            loader: 'text',
          }));
        },
      },
    ],
  });
  return outputFiles[0]?.text ?? '';
}

test('what was found out about a graphics card is known on the next visit', async ({ page }) => {
  const script = await findingsScript();
  const visit = async (save: boolean) => {
    await openHarness(page, { 'findings.js': script });
    return page.evaluate(async (save) => {
      const address = '/harness/findings.js';
      const { findingsStore } = await import(address);
      if (save) await findingsStore.save('a card', new Map([['a kernel', 'its variant']]));
      return Promise.all(['a card', 'another'].map(async (card) => [...(await findingsStore.load(card))]));
    }, save);
  };
  expect(await visit(true)).toEqual([[['a kernel', 'its variant']], []]);
  expect(await visit(false)).toEqual([[['a kernel', 'its variant']], []]);
  // A database of a later version, which this code cannot open: nothing is known, and nothing fails.
  await page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open('swinface-tuning', 2);
        opening.onsuccess = () => resolve(opening.result.close());
        opening.onerror = () => reject(opening.error);
      }),
  );
  expect(await visit(false)).toEqual([[], []]);
});
