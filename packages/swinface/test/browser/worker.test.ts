import type { FaceAnalyzer } from 'swinface';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestPage, type TestPage } from '../../../alignment/test/support/browser.js';
import { packedModel } from '../support/model.js';
import type { SdkHarness } from './page.js';

declare const harness: SdkHarness;

let test: TestPage;
beforeAll(async () => {
  test = await openTestPage([], 'packages/swinface/test/browser/page.html');
  const { manifest, files } = await packedModel();
  test.publish('tiny.json', Buffer.from(JSON.stringify(manifest)));
  for (const [name, bytes] of files) test.publish(name, Buffer.from(bytes));
});
afterAll(() => test?.close());

it('a worker that ends fails the calls that wait for it, and the next call has another one', async () => {
  const { page } = test;
  await page.evaluate(async () => {
    const options = { model: '/assets/tiny.json', engine: 'wasm', outputs: ['Gender'], locator: 'none' } as const;
    const analyzer = await harness.FaceAnalyzer.create({ ...options, thread: 'worker' });
    Object.assign(globalThis, { analyzer, crop: new ImageData(112, 112) });
  });
  const analyse = () =>
    page.evaluate(async () => {
      const { analyzer, crop } = globalThis as unknown as {
        analyzer: FaceAnalyzer;
        crop: ImageData;
      };
      const face = await analyzer.analyzeAligned(crop);
      return face.gender?.probabilities.male;
    });
  const before = await analyse();
  expect(before).toBeGreaterThan(0);
  const [worker] = page.workers();
  // In the middle of the next call, before it is answered.
  await worker?.evaluate(() => {
    globalThis.postMessage = () => close();
  });
  const pending = await page.evaluate(() => {
    const { analyzer, crop } = globalThis as unknown as {
      analyzer: FaceAnalyzer;
      crop: ImageData;
    };
    return harness.rejection(analyzer.analyzeAligned(crop));
  });
  expect(pending).toMatchObject({ code: 'INTERNAL', message: expect.stringMatching(/worker broke.*next call/) });
  expect(await analyse(), 'the same answer').toBe(before);
  expect(page.workers()).toHaveLength(1);
  await page.evaluate(() => (globalThis as unknown as { analyzer: { dispose(): void } }).analyzer.dispose());
  await expect.poll(() => page.workers().length).toBe(0);
});
