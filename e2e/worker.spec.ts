import type { Page } from '@playwright/test';
import type * as Swinface from 'swinface';
import { expect, isTrained, test } from './fixtures.js';
import { harnessWorker, openHarness } from './harness/build.js';
import { openWithVideo, type VideoHarness } from './harness/video.js';
import { endingWorker } from './harness/workers.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;

/** The SDK as the harness page holds it, and what the tests put beside it. */
type Harness = typeof Swinface & {
  /** A small photo with three faces. */
  readonly photo: () => Promise<ImageBitmap>;
};

/** Opens the harness with a photo at hand. */
async function open(page: Page, more?: Readonly<Record<string, string>>): Promise<void> {
  await openHarness(page, more);
  await page.evaluate(() => {
    const photo = async () => {
      const blob = await (await fetch('/assets/samples/sample3.jpg')).blob();
      return createImageBitmap(blob, { resizeWidth: 800, resizeQuality: 'high' });
    };
    Object.assign(globalThis, { photo });
  });
}

/** Workers that were ended go in a moment. */
const expectNoWorkers = (page: Page) =>
  expect.poll(() => page.workers().length, 'failed and disposed analyzers leave no worker').toBe(0);

test('gives in a worker what it gives on the page, whatever the picture comes as', async ({ page }) => {
  await open(page);
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer, photo } = globalThis as unknown as Harness;
    const options = { model, engine: 'wasm', outputs: ['Recognition', 'Age'] } as const;
    const bitmap = await photo();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
    const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
    offscreen.getContext('2d')?.drawImage(bitmap, 0, 0);
    const png = await new Promise<Blob | null>((resolve) => {
      canvas.toBlob(resolve);
    });
    const element = new Image();
    element.src = URL.createObjectURL(png as Blob);
    const sources = {
      bitmap,
      canvas,
      offscreen,
      element,
      blob: png as Blob,
      data: canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) as ImageData,
      frame: new VideoFrame(canvas, { timestamp: 0 }),
    };
    const analyzer = await FaceAnalyzer.create(options);
    const onPage = await FaceAnalyzer.create({ ...options, thread: 'main' });
    const results: Record<string, { count: number; difference: number }> = {};
    for (const [name, source] of Object.entries(sources)) {
      const there = await analyzer.analyze(source);
      const here = await onPage.analyze(source);
      const differences = there.flatMap(({ embedding, box }, i) => [
        ...Array.from(embedding ?? [], (value, k) => Math.abs(value - (here[i]?.embedding?.[k] ?? Number.NaN))),
        Math.abs(box.x - (here[i]?.box.x ?? Number.NaN)),
      ]);
      results[name] = { count: there.length, difference: Math.max(...differences) };
    }
    const stillOpen = [bitmap.width, sources.frame.displayWidth];
    sources.frame.close();
    const threads = [analyzer.thread.kind, onPage.thread.kind];
    analyzer.dispose();
    onPage.dispose();
    return { results, threads, stillOpen };
  }, MODEL);
  expect(outcome.threads).toEqual(['worker', 'main']);
  expect(outcome.stillOpen, "the caller's pictures stay open").toEqual([800, 800]);
  for (const [name, { count, difference }] of Object.entries(outcome.results)) {
    // The same code on the same pixels.
    expect({ name, count }).toEqual({ name, count: 3 });
    expect(difference, name).toBeLessThan(1e-6);
  }
});

test('progress, timings and errors come out of the worker as they are', async ({ page }) => {
  await open(page);
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer, InvalidInputError, ModelDownloadError, photo } = globalThis as unknown as Harness;
    const failure = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error) => error,
      );
    const missing = await failure(FaceAnalyzer.create({ model: '/assets/nothing.json', locator: 'none' }));
    const unknown = await failure(
      FaceAnalyzer.create({ model, locator: 'none', engine: 'wasm', outputs: ['Shoe Size'] }),
    );
    const stages: string[] = [];
    const analyzer = await FaceAnalyzer.create({
      model,
      engine: 'wasm',
      onProgress: ({ stage }) => !stages.includes(stage) && stages.push(stage),
    });
    let timings: Swinface.Timings | undefined;
    const bitmap = await photo();
    await analyzer.analyze(bitmap, {
      onTimings: (measured) => {
        timings = measured;
      },
    });
    const broken = await failure(analyzer.analyze(new Blob(['nothing'], { type: 'image/png' })));
    const analysing = new AbortController();
    const aborted = failure(analyzer.analyze(bitmap, { signal: analysing.signal }));
    analysing.abort('too slow');
    const reason = await aborted;
    const many = await Promise.all([1, 2, 3].map(() => analyzer.analyze(bitmap)));
    analyzer.dispose();
    const late = await failure(analyzer.analyze(bitmap));
    return {
      missing: missing instanceof ModelDownloadError && { code: missing.code, message: missing.message },
      unknown: unknown instanceof InvalidInputError && { expected: unknown.expected, actual: unknown.actual },
      broken: broken instanceof InvalidInputError && broken.actual,
      reason,
      late: late.code,
      stages,
      timings,
      counts: many.map((faces) => faces.length),
    };
  }, MODEL);
  expect(outcome.missing).toMatchObject({ code: 'MODEL_DOWNLOAD', message: expect.stringContaining('404') });
  expect(outcome.unknown).toMatchObject({
    actual: expect.stringContaining('Shoe Size'),
    expected: expect.stringContaining('Recognition'),
  });
  expect(outcome.broken).toContain('a file of type "image/png", 7 bytes');
  expect(outcome.reason).toBe('too slow');
  expect(outcome.late).toBe('DISPOSED');
  expect(outcome.stages.filter((stage) => stage !== 'locator')).toEqual(['model', 'engine', 'ready']);
  expect(outcome.stages).toContain('locator');
  expect(outcome.counts).toEqual([3, 3, 3]);
  const { total = 0, ...stages } = outcome.timings ?? {};
  expect(Object.values(stages).every((value) => value >= 0)).toBe(true);
  expect(Object.values(stages).reduce((a, b) => a + b)).toBeLessThanOrEqual(total + 1e-6);
  await expectNoWorkers(page);
});

test('where no worker starts the page does the work, and says so', async ({ page }) => {
  await open(page);
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer } = globalThis as unknown as Harness;
    const options = { model, engine: 'wasm', locator: 'none', assets: { worker: 'nothing.js' } } as const;
    const analyzer = await FaceAnalyzer.create(options);
    const { thread } = analyzer;
    analyzer.dispose();
    const demanded = await FaceAnalyzer.create({ ...options, thread: 'worker' }).catch((error) => error);
    return { thread, code: demanded.code, message: demanded.message };
  }, MODEL);
  expect(outcome.thread.kind).toBe('main');
  expect(outcome.thread.reason).toContain('The worker did not start');
  expect(outcome.code).toBe('UNSUPPORTED_DEVICE');
  expect(outcome.message).toContain("worker-src 'self'");
  await expectNoWorkers(page);
});

test('a worker that breaks fails what is pending, with a clear error, and the next call starts another', async ({
  page,
}) => {
  const breaking = `
    import '${await harnessWorker()}';
    addEventListener('message', ({ data }) => {
      if (JSON.stringify(data).length > 5000) throw new Error('out of memory'); // The call with many points.
    });
  `;
  await open(page, { 'breaking.js': breaking });
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer, photo } = globalThis as unknown as Harness;
    const analyzer = await FaceAnalyzer.create({
      model,
      engine: 'wasm',
      locator: 'none',
      assets: { worker: 'breaking.js' },
    });
    const points = [
      [300, 200],
      [340, 200],
      [320, 225],
      [303, 245],
      [337, 245],
    ] as const;
    const bitmap = await photo();
    const before = await analyzer.analyze(bitmap, { points: [points] });
    const error = await analyzer.analyze(bitmap, { points: Array(200).fill(points) }).catch((error) => error);
    const later = await analyzer.analyze(bitmap, { points: [points] });
    analyzer.dispose();
    return { before: before.length, code: error.code, message: error.message, later: later.length };
  }, MODEL);
  expect(outcome).toMatchObject({ before: 1, code: 'INTERNAL', later: 1 });
  expect(outcome.message).toContain('out of memory');
  await expectNoWorkers(page);
});

test('a stream whose worker is gone can be left, whoever ended the worker', async ({ page }) => {
  await openWithVideo(page, { 'ending.js': await endingWorker() });
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer, openVideo } = globalThis as unknown as VideoHarness;
    const { video } = await openVideo();
    /** Leaves the stream after two frames, once `end` has ended the worker. */
    const watch = async (end: (analyzer: Swinface.FaceAnalyzer) => void) => {
      const analyzer = await FaceAnalyzer.create({
        model,
        engine: 'wasm',
        outputs: ['Age'],
        assets: { worker: 'ending.js' },
      });
      let frames = 0;
      const how = await (async () => {
        for await (const _ of analyzer.stream(video)) {
          if (++frames < 2) continue;
          end(analyzer);
          // The page hears of a worker that closed itself a moment later.
          await new Promise((resolve) => setTimeout(resolve, 500));
          if (end === close) break;
        }
        return 'left';
      })().catch((error) => error.code ?? String(error));
      analyzer.dispose();
      return how;
    };
    const close = () => new BroadcastChannel('end').postMessage('close');
    const disposed = await watch((analyzer) => analyzer.dispose());
    const broken = await watch(close);
    return { disposed, broken };
  }, MODEL);
  expect(outcome).toEqual({ disposed: 'DISPOSED', broken: 'left' });
  await expectNoWorkers(page);
});
