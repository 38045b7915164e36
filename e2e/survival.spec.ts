import type * as Swinface from 'swinface';
import { analyzeSample, expect, isTrained, test } from './fixtures.js';
import { type VideoHarness as Harness, openWithVideo as open } from './harness/video.js';
import { losingWorker } from './harness/workers.js';
import { heap, memory } from './memory.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;
/** Aligned crops in the loop that looks for leaks; 10,000 of them take a machine of its own. */
const CROPS = Number(process.env.E2E_CROPS ?? 200);

test('a stream follows a face, and says how it keeps up', async ({ page }) => {
  await open(page);
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer, openVideo } = globalThis as unknown as Harness;
    const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', outputs: ['Recognition', 'Age'] });
    const { video } = await openVideo();
    const frames: (Pick<Swinface.StreamFrame, 'mediaTime' | 'dropped' | 'latency' | 'rate' | 'timings'> & {
      ids: number[];
    })[] = [];
    let last: Swinface.StreamFrame | undefined;
    for await (const frame of analyzer.stream(video)) {
      const { faces, ...rest } = frame;
      frames.push({ ids: faces.map(({ id }) => id), ...rest });
      last = frame;
      if (frames.length === 20) break;
    }
    analyzer.dispose();
    const [face] = last?.faces ?? [];
    return {
      frames,
      analysisRate: last?.analysisRate ?? 0,
      face: {
        quality: face?.quality,
        landmarks: face?.landmarks?.length,
        bestShot: face?.bestShot?.embedding.length === face?.embedding?.length,
        analysisAge: face?.analysisAge,
      },
    };
  }, MODEL);
  const { frames, face, analysisRate } = outcome;
  test.info().annotations.push({ type: 'last frame', description: JSON.stringify({ ...frames.at(-1), analysisRate }) });
  for (const { ids } of frames) expect(ids).toEqual([1]);
  const times = frames.map(({ mediaTime = Number.NaN }) => mediaTime);
  expect(times.every((time, i) => i === 0 || time > (times[i - 1] ?? 0))).toBe(true);
  expect(frames.every(({ dropped = -1, latency }) => dropped >= 0 && latency > 0)).toBe(true);
  expect(frames.at(-1)?.rate).toBeGreaterThan(0);
  expect(frames[0]?.timings.network, 'a new face is waited for').toBeGreaterThan(0);
  expect(face.quality?.score).toBeGreaterThan(0);
  expect(face.landmarks).toBe(3 * 468);
  expect(face.bestShot).toBe(true);
  expect(face.analysisAge).toBeGreaterThanOrEqual(0);
});

test('a stream pauses with a hidden page, ends with its camera, and fails when that is taken away', async ({
  page,
}) => {
  await open(page);
  const outcome = await page.evaluate(async (model) => {
    const { CameraError, FaceAnalyzer, openVideo } = globalThis as unknown as Harness;
    const points = [
      [130, 100],
      [180, 100],
      [155, 130],
      [135, 155],
      [175, 155],
    ] as const;
    // Where the face is does not matter here, only when it is looked for.
    const face = {
      box: { x: 110, y: 70, width: 90, height: 110 },
      score: 0.9,
      points,
      landmarks: Float32Array.from(Array(68 * 3).keys()),
      landmarkModel: 'face-api-68' as const,
    };
    const locator = {
      name: 'test',
      landmarkModel: 'face-api-68' as const,
      description: 'knows',
      locate: async () => [face],
      dispose() {},
      [Symbol.dispose]() {},
    };
    const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', outputs: ['Age'], locator });
    const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const hide = (hidden: boolean) => {
      Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    };
    const first = await openVideo();
    let count = 0;
    const watching = (async () => {
      for await (const _ of analyzer.stream(first.video)) count++;
      return 'ended';
    })();
    while (count < 2) await wait(20);
    hide(true);
    // The frame that was under way.
    await wait(1000);
    const before = count;
    await wait(1000);
    const whileHidden = count - before;
    hide(false);
    while (count < before + 2) await wait(20);
    first.track.stop();
    const stopped = await watching;

    const second = await openVideo();
    const failure = await (async () => {
      for await (const _ of analyzer.stream(second.video)) {
        setTimeout(() => second.track.dispatchEvent(new Event('ended')), 100);
      }
      return 'ended';
    })().catch((error) => error instanceof CameraError && error.code);

    const third = await openVideo();
    const leaving = new AbortController();
    const reason = await (async () => {
      for await (const _ of analyzer.stream(third.video, { signal: leaving.signal })) leaving.abort('enough');
      return 'ended';
    })().catch((aborted) => aborted);
    // None of this harmed the analyzer.
    const faces = await analyzer.analyze(third.video);
    analyzer.dispose();
    return { whileHidden, stopped, failure, reason, faces: faces.length, thread: analyzer.thread.kind };
  }, MODEL);
  expect(outcome).toEqual({
    whileHidden: 0,
    stopped: 'ended',
    failure: 'CAMERA',
    reason: 'enough',
    faces: 1,
    thread: 'main',
  });
});

test('a device that is lost in the middle of a stream comes back with the same answers', async ({ page }) => {
  await open(page, { 'losing.js': await losingWorker() });
  const outcome = await page.evaluate(async (model) => {
    const { FaceAnalyzer, openVideo } = globalThis as unknown as Harness;
    const events: string[] = [];
    const analyzer = await FaceAnalyzer.create({
      model,
      engine: 'webgpu',
      outputs: ['Recognition'],
      maxFaces: 1,
      assets: { worker: 'losing.js' },
      onDeviceChange: ({ state }) => events.push(state),
    });
    const { video } = await openVideo();
    const photo = await createImageBitmap(video);
    const before = await analyzer.analyze(photo);
    let frames = 0;
    let framesAfter = 0;
    for await (const { faces } of analyzer.stream(video, { analyzeEvery: 0 })) {
      if (faces.some(({ embedding }) => !embedding)) throw new Error('a face without an answer');
      if (++frames === 2) new BroadcastChannel('lose').postMessage('');
      if (events.length === 2 && ++framesAfter === 2) break;
    }
    const after = await analyzer.analyze(photo);
    const { kind } = analyzer.engine;
    analyzer.dispose();
    const difference = after.map(({ embedding }, i) =>
      Math.max(
        ...Array.from(embedding ?? [], (value, k) => Math.abs(value - (before[i]?.embedding?.[k] ?? Number.NaN))),
      ),
    );
    return { events, kind, difference };
  }, MODEL);
  expect(outcome).toMatchObject({ events: ['lost', 'restored'], kind: 'webgpu' });
  expect(outcome.difference).toHaveLength(1);
  // The same kernels on the same pixels.
  expect(outcome.difference[0]).toBeLessThan(1e-6);
});

test('made and disposed twenty times, and through many crops, nothing grows', async ({ page }) => {
  // Only isolated pages may ask the browser how much memory they take, workers included.
  await open(page, {}, 'isolated');
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const cycle = (times: number) =>
    page.evaluate(
      async ([model, count]) => {
        const { FaceAnalyzer } = globalThis as unknown as Harness;
        const crop = new ImageData(112, 112);
        for (let i = 0; i < count; i++) {
          const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', locator: 'none', outputs: ['Age'] });
          await analyzer.analyzeAligned(crop);
          // In the middle of something, every other time.
          if (i % 2) void analyzer.analyzeAligned(crop).catch(() => {});
          analyzer.dispose();
        }
      },
      [MODEL, times] as const,
    );
  await cycle(2);
  await expect.poll(() => page.workers().length).toBe(0);
  const before = await heap(page);
  const wholeBefore = await memory(page);
  await cycle(20);
  await expect.poll(() => page.workers().length).toBe(0);
  const afterCycles = await heap(page);
  const wholeAfterCycles = await memory(page);
  // A manifest alone, kept by each of them, would be 0.9 MB.
  expect(afterCycles - before, 'bytes that twenty analyzers left behind').toBeLessThan(400_000);
  // One worker that lived on would be many megabytes.
  expect(wholeAfterCycles.bytes - wholeBefore.bytes, 'bytes left behind, workers included').toBeLessThan(2 ** 20);
  expect(wholeAfterCycles.workers).toBe(0);

  await page.evaluate(
    async ([model]) => {
      const { FaceAnalyzer } = globalThis as unknown as Harness;
      const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', locator: 'none', outputs: ['Age'] });
      const canvas = new OffscreenCanvas(112, 112);
      canvas.getContext('2d')?.fillRect(20, 20, 50, 50);
      // What is made at first stays: the network's memory, and what the engine compiles on the way.
      for (let i = 0; i < 20; i++) await analyzer.analyzeAligned(canvas);
      Object.assign(globalThis, { analyzer, canvas });
    },
    [MODEL] as const,
  );
  const wholeBeforeCrops = await memory(page);
  const took = await page.evaluate(
    async ([count]) => {
      const { analyzer, canvas } = globalThis as unknown as {
        analyzer: Swinface.FaceAnalyzer;
        canvas: OffscreenCanvas;
      };
      const start = performance.now();
      for (let i = 0; i < count; i++) await analyzer.analyzeAligned(canvas);
      return performance.now() - start;
    },
    [CROPS] as const,
  );
  const [worker] = page.workers();
  expect(worker).toBeDefined();
  const afterCrops = await heap(page);
  const wholeAfterCrops = await memory(page);
  const figures = {
    heap: { before, afterCycles, afterCrops },
    whole: {
      before: wholeBefore,
      afterCycles: wholeAfterCycles,
      beforeCrops: wholeBeforeCrops,
      after: wholeAfterCrops,
    },
    crops: CROPS,
    millisecondsPerCrop: took / CROPS,
  };
  test.info().annotations.push({ type: 'bytes', description: JSON.stringify(figures) });
  expect(afterCrops - afterCycles, 'bytes that the crops left on the page').toBeLessThan(2 ** 20);
  expect(wholeAfterCrops.workers, 'the worker is in the figure').toBeGreaterThan(0);
  // A crop's float32 pixels, kept 200 times, would be 30 MB.
  expect(wholeAfterCrops.bytes - wholeBeforeCrops.bytes, 'bytes that the crops left, workers included').toBeLessThan(
    4 * 2 ** 20,
  );
  await page.evaluate(() => (globalThis as unknown as { analyzer: Swinface.FaceAnalyzer }).analyzer.dispose());
  await expect.poll(() => page.workers().length).toBe(0);
});

test('the page never waits: no task over 50 ms from the first line to the first faces', async ({ page }) => {
  await open(page);
  const tasks = await page.evaluate(async (model) => {
    const { FaceAnalyzer } = globalThis as unknown as Harness;
    const photo = await (await fetch('/assets/samples/sample3.jpg')).blob();
    const seen: number[] = [];
    const observer = new PerformanceObserver((list) => seen.push(...list.getEntries().map(({ duration }) => duration)));
    observer.observe({ entryTypes: ['longtask'] });
    const start = performance.now();
    const analyzer = await FaceAnalyzer.create({ model });
    const created = performance.now();
    const faces = await analyzer.analyze(photo);
    const done = performance.now();
    // Entries are told in a task of their own.
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    analyzer.dispose();
    return { seen, faces: faces.length, create: created - start, analyze: done - created };
  }, MODEL);
  test.info().annotations.push({ type: 'tasks', description: JSON.stringify(tasks) });
  expect(tasks.faces).toBe(3);
  expect(Math.max(0, ...tasks.seen), 'milliseconds of the longest task').toBeLessThanOrEqual(50);
});

/** An entry of Chromium's trace; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Of the processor, which other programs on the machine do not lengthen. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

test('nor does the photo page, for what it computes itself', async ({ page, browser }) => {
  await page.goto('photo/');
  await expect(page.getByRole('button', { name: 'Sample photo 3' })).toBeVisible();
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  await analyzeSample(page, 3);
  await expect(page.getByRole('region', { name: 'How it ran' })).toHaveAttribute('data-thread', 'worker');
  const trace: { readonly traceEvents: readonly TraceEvent[] } = JSON.parse((await browser.stopTracing()).toString());
  const thread = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const mainThreads = new Set(
    trace.traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map((event) => thread(event)),
  );
  const tasks = trace.traceEvents
    .filter((event) => event.ph === 'X' && event.name.endsWith('RunTask') && mainThreads.has(thread(event)))
    .map(({ tdur = 0 }) => tdur / 1000)
    .sort((a, b) => b - a);
  test.info().annotations.push({ type: 'longest tasks', description: JSON.stringify(tasks.slice(0, 5)) });
  expect(tasks.length, 'tasks in the trace').toBeGreaterThan(100);
  expect(tasks[0], 'milliseconds of the longest task').toBeLessThanOrEqual(50);
});
