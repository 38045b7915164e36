/** What the browser takes away: workers, in six ways, and GPU devices, six times. */
import { tellSoak } from '../../scripts/lib/soak.mjs';
import { expect, isTrained, test } from '../fixtures.js';
import { type VideoHarness as Harness, openWithVideo as open } from '../harness/video.js';
import { endingWorker, losingWorker } from '../harness/workers.js';
import { memory } from '../memory.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;

test('worker ended in the middle of a call or between calls', async ({ page }) => {
  await page.addInitScript(() => {
    const workers: Worker[] = [];
    globalThis.Worker = class extends Worker {
      constructor(...options: ConstructorParameters<typeof Worker>) {
        super(...options);
        workers.push(this);
      }
    };
    Object.assign(globalThis, { workers });
  });
  await open(page, { 'ending.js': await endingWorker() }, 'isolated');
  /** Ends the worker in each way. */
  const round = () =>
    page.evaluate(async (model) => {
      const { FaceAnalyzer, SwinFaceError, workers } = globalThis as unknown as Harness & { workers: Worker[] };
      const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
      const channel = new BroadcastChannel('end');
      const ways: Record<string, () => void> = {
        'closed itself': () => channel.postMessage('close'),
        'threw what nobody caught': () => channel.postMessage('throw'),
        'was terminated': () => workers.at(-1)?.terminate(),
      };
      // Large enough to be under way for a while.
      const photo = await (await fetch('/assets/samples/sample3.jpg')).blob();
      const outcomes: { way: string; pending: string | undefined; difference: number }[] = [];
      for (const [name, end] of Object.entries(ways)) {
        for (const busy of [true, false]) {
          const analyzer = await FaceAnalyzer.create({
            model,
            engine: 'wasm',
            outputs: ['Recognition'],
            assets: { worker: 'ending.js' },
          });
          const before = await analyzer.analyze(photo);
          const call = busy ? analyzer.analyze(photo) : undefined;
          await wait(20);
          end();
          const pending = await call?.then(
            () => 'answered',
            (error: unknown) => (error instanceof SwinFaceError ? error.code : String(error)),
          );
          // The page hears of a worker that is gone a moment later.
          await wait(500);
          const after = await analyzer.analyze(photo);
          const difference = before.flatMap(({ embedding }, i) =>
            Array.from(embedding ?? [], (value, k) => Math.abs(value - (after[i]?.embedding?.[k] ?? Number.NaN))),
          );
          outcomes.push({ way: `${name}, ${busy ? 'busy' : 'idle'}`, pending, difference: Math.max(...difference) });
          analyzer.dispose();
        }
      }
      channel.close();
      workers.length = 0;
      return outcomes;
    }, MODEL);
  await round();
  await expect.poll(() => page.workers().length).toBe(0);
  const before = await memory(page);
  const outcomes = await round();
  await expect.poll(() => page.workers().length).toBe(0);
  const growth = (await memory(page)).bytes - before.bytes;
  for (const { way, pending, difference } of outcomes) {
    expect({ way, pending }).toEqual({ way, pending: way.endsWith('busy') ? 'INTERNAL' : undefined });
    // The same code on the same picture.
    expect(difference, way).toBeLessThan(1e-6);
  }
  expect(growth, 'bytes left behind, workers included').toBeLessThan(2 * 2 ** 20);
  await tellSoak({
    what: 'worker ended in the middle of a call or between calls',
    times: outcomes.length,
    outcome: 'the pending call failed typed, the next one answered the same',
    growth,
  });
});

test('device destroyed', async ({ page }) => {
  await open(page, { 'losing.js': await losingWorker() }, 'isolated');
  /** Destroys an analyzer's device as often as it asks for another one within a minute. */
  const round = () =>
    page.evaluate(async (model) => {
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
      const { video, track } = await openVideo();
      const photo = await createImageBitmap(video);
      track.stop();
      const lose = new BroadcastChannel('lose');
      const [before] = await analyzer.analyze(photo);
      const differences: number[] = [];
      for (let i = 0; i < 3; i++) {
        const underWay = analyzer.analyze(photo);
        lose.postMessage('');
        for (const [face] of [await underWay, await analyzer.analyze(photo)]) {
          differences.push(
            ...Array.from(before?.embedding ?? [], (value, k) =>
              Math.abs(value - (face?.embedding?.[k] ?? Number.NaN)),
            ),
          );
        }
        while (events.length < 2 * (i + 1)) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { kind } = analyzer.engine;
      analyzer.dispose();
      lose.close();
      return { events, kind, difference: Math.max(...differences) };
    }, MODEL);
  const check = ({ events, kind, difference }: Awaited<ReturnType<typeof round>>) => {
    expect(events).toEqual(Array(3).fill(['lost', 'restored']).flat());
    expect(kind).toBe('webgpu');
    // The same kernels on the same pixels.
    expect(difference).toBeLessThan(1e-6);
    return events.length / 2;
  };
  let times = check(await round());
  await expect.poll(() => page.workers().length).toBe(0);
  const before = await memory(page);
  times += check(await round());
  await expect.poll(() => page.workers().length).toBe(0);
  const growth = (await memory(page)).bytes - before.bytes;
  expect(growth, 'bytes left behind, workers included').toBeLessThan(4 * 2 ** 20);
  await tellSoak({
    what: 'device destroyed',
    times,
    outcome: 'WebGPU again each time, the calls under way and the next ones answered the same',
    growth,
  });
});
