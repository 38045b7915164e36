/** A long day of one page: frames without end, and visitors who leave in the middle of everything. */
import type * as Swinface from 'swinface';
import { soakCount, tellSoak } from '../../scripts/lib/soak.mjs';
import { expect, isTrained, test } from '../fixtures.js';
import { type VideoHarness as Harness, openWithVideo as open } from '../harness/video.js';
import { memory } from '../memory.js';

const MODEL = `/assets/${isTrained ? 'models' : 'untrained'}/swinface-mobile.json`;
const FRAMES = soakCount('frames', 100);
const ABORTS = soakCount('aborts', 10);
/** Frames before the memory counts: what is compiled and set up on the way stays. */
const WARM_UP = 100;

/** What the tests keep on the page. */
type Kept = Harness & { analyzer: Swinface.FaceAnalyzer; video: HTMLVideoElement };

test('frames through a stream', async ({ page }) => {
  // Some 30 frames a second on an idle core; a tenth of that still ends.
  test.setTimeout(600_000 + 300 * FRAMES);
  await open(page, {}, 'isolated');
  await page.evaluate(async (model) => {
    const { FaceAnalyzer, openVideo } = globalThis as unknown as Harness;
    const outputs = ['Recognition', 'Age'];
    const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', maxFaces: 1, outputs });
    const { video } = await openVideo(1000 / 60);
    Object.assign(globalThis, { analyzer, video });
  }, MODEL);
  const watch = (count: number) =>
    page.evaluate(async (count) => {
      const { analyzer, video } = globalThis as unknown as Kept;
      const start = performance.now();
      const ids = new Set<number>();
      let [frames, faces, answered] = [0, 0, 0];
      for await (const frame of analyzer.stream(video)) {
        for (const { id, embedding } of frame.faces) {
          ids.add(id);
          faces++;
          if (embedding) answered++;
        }
        if (++frames === count) break;
      }
      return { frames, faces, answered, ids: [...ids], took: performance.now() - start };
    }, count);
  await watch(WARM_UP);
  const before = await memory(page);
  const { took, ...seen } = await watch(FRAMES);
  const growth = (await memory(page)).bytes - before.bytes;
  expect(seen).toEqual({ frames: FRAMES, faces: FRAMES, answered: FRAMES, ids: [1] });
  // One frame's pixels are 0.3 MB.
  expect(growth, 'bytes that the frames left, worker included').toBeLessThan(8 * 2 ** 20);
  await page.evaluate(() => (globalThis as unknown as Kept).analyzer.dispose());
  await expect.poll(() => page.workers().length).toBe(0);
  const rate = ((1000 * FRAMES) / took).toFixed(0);
  await tellSoak({
    what: 'frames through a stream',
    times: FRAMES,
    outcome: `one face in each, always the same one; ${rate} frames a second`,
    growth,
  });
});

test('random aborts and disposals', async ({ page }) => {
  test.setTimeout(600_000 + 10_000 * ABORTS);
  await open(page, {}, 'isolated');
  await page.evaluate(async (model) => {
    const { FaceAnalyzer, openVideo } = globalThis as unknown as Harness;
    const outputs = ['Recognition'];
    const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', maxFaces: 1, outputs });
    const { video } = await openVideo();
    Object.assign(globalThis, { analyzer, video });
  }, MODEL);
  const leave = (count: number, seed: number) =>
    page.evaluate(
      async ([model, count, seed]) => {
        const { FaceAnalyzer, SwinFaceError, analyzer, video } = globalThis as unknown as Kept;
        let state = seed;
        /** Below a limit; the same numbers for the same seed (a linear congruence). */
        const below = (limit: number) => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          return Math.floor((state / 2 ** 32) * limit);
        };
        const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
        const photo = await createImageBitmap(video);
        const outcomes: Record<string, number> = {};
        /** How a call ended: only in these ways it may. */
        const ending = async (call: () => Promise<unknown>): Promise<void> => {
          const ended = call().then(
            () => 'answered',
            (error: unknown) =>
              error === 'left'
                ? 'aborted'
                : error instanceof SwinFaceError && error.code === 'DISPOSED'
                  ? 'disposed'
                  : `failed: ${error}`,
          );
          const how = await Promise.race([ended, wait(120_000).then(() => 'hung')]);
          outcomes[how] = (outcomes[how] ?? 0) + 1;
        };
        const watch = async (of: Swinface.FaceAnalyzer, signal?: AbortSignal) => {
          let frames = 0;
          for await (const _ of of.stream(video, signal ? { signal } : {})) if (++frames === 5) break;
        };
        const create = (signal?: AbortSignal) =>
          FaceAnalyzer.create({
            model,
            engine: 'wasm',
            maxFaces: 1,
            outputs: ['Recognition'],
            ...(signal ? { signal } : {}),
          });
        for (let i = 0; i < count; i++) {
          const leaving = new AbortController();
          const { signal } = leaving;
          const kind = ['create', 'analyze', 'stream', 'dispose'][below(4)];
          // From before anything has begun to after all is done; half of them early, which comes first on any machine.
          const after = below(below(2) === 0 ? 10 : 500);
          if (kind === 'create') {
            setTimeout(() => leaving.abort('left'), after);
            await ending(async () => (await create(signal)).dispose());
          } else if (kind === 'dispose') {
            const own = await create();
            setTimeout(() => own.dispose(), after);
            await Promise.all([
              ending(() => own.analyze(photo)),
              ending(() => watch(own)),
              ending(() => own.explain(photo)),
            ]);
            own.dispose();
          } else {
            setTimeout(() => leaving.abort('left'), after);
            const calls = [1, 2, 3].map(() => ending(() => analyzer.analyze(photo, { signal })));
            await Promise.all(kind === 'stream' ? [...calls, ending(() => watch(analyzer, signal))] : calls);
          }
        }
        const [face] = await analyzer.analyze(photo);
        return { outcomes, embedding: Array.from(face?.embedding ?? []) };
      },
      [MODEL, count, seed] as const,
    );
  const first = await leave(5, 1);
  await expect.poll(() => page.workers().length).toBe(1);
  const before = await memory(page);
  const { outcomes, embedding } = await leave(ABORTS, 2);
  await expect.poll(() => page.workers().length, 'workers of analyzers that are gone').toBe(1);
  const growth = (await memory(page)).bytes - before.bytes;
  expect(Object.keys(outcomes).filter((how) => !['answered', 'aborted', 'disposed'].includes(how))).toEqual([]);
  expect(outcomes.aborted, 'aborts that came before the answer').toBeGreaterThan(0);
  // The video's frames differ by a pixel; who it is does not.
  expect(embedding.reduce((sum, value, i) => sum + value * (first.embedding[i] ?? 0), 0)).toBeGreaterThan(0.95);
  // One analyzer kept is 6 MB of weights and its worker.
  expect(growth, 'bytes left behind, workers included').toBeLessThan(4 * 2 ** 20);
  await page.evaluate(() => (globalThis as unknown as Kept).analyzer.dispose());
  await expect.poll(() => page.workers().length).toBe(0);
  const { answered = 0, aborted = 0, disposed = 0 } = outcomes;
  await tellSoak({
    what: 'random aborts and disposals',
    times: ABORTS,
    outcome: `of the calls under way ${aborted} aborted, ${disposed} disposed, ${answered} answered before; none hung, no worker left`,
    growth,
  });
});
