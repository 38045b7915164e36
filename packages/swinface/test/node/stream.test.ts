import { FaceAnalyzer, type StreamFrame } from 'swinface';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { open, PixelVideo, stubCanvas } from '../support/canvas.js';
import { gate, StubLocator, soon } from '../support/locator.js';
import { facePoints, loadedModel, picture } from '../support/model.js';

const image = picture(160, 120);
const [left, right] = [facePoints(45, 40, 25), facePoints(115, 40, 22)];

const create = async (locator: StubLocator) =>
  FaceAnalyzer.create({ model: await loadedModel(), engine: 'wasm', outputs: ['Gender'], locator });

/** Shows a frame once the stream waits for one. */
async function show(video: PixelVideo, time: number) {
  await soon(() => expect(video.waiting.size).toBe(1));
  video.show(image, time);
}

beforeEach(stubCanvas);
afterEach(async () => {
  vi.unstubAllGlobals();
  // A look in the background may still have its frame when the stream ends.
  await soon(() => expect(open.size, 'frames left open').toBe(0));
});

describe('stream', () => {
  it('gives each frame that it has time for, with ids that stay, and ends with the video', async () => {
    const locator = new StubLocator([left, right]);
    using analyzer = await create(locator);
    const video = new PixelVideo();
    const seen: StreamFrame[] = [];
    const watching = (async () => {
      for await (const frame of analyzer.stream(video.element)) seen.push(frame);
    })();
    await show(video, 1);
    const { closed, release } = gate();
    await soon(() => expect(seen).toHaveLength(1));
    // Faces change places in the list; the frames shown meanwhile are dropped.
    locator.points = [right, left];
    locator.gate = closed;
    await show(video, 2);
    await soon(() => expect(locator.running).toBe(1));
    video.show(image, 3);
    video.show(image, 4);
    release();
    await soon(() => expect(seen).toHaveLength(2));
    locator.points = [left];
    await show(video, 5);
    await soon(() => expect(seen).toHaveLength(3));
    await soon(() => expect(video.waiting.size).toBe(1));
    video.end();
    await watching;
    expect(video.waiting.size, 'requests left behind').toBe(0);
    expect(seen.map(({ mediaTime }) => mediaTime)).toEqual([1, 2, 5]);
    expect(seen.map(({ faces }) => faces.map(({ id }) => id))).toEqual([[1, 2], [2, 1], [1]]);
    expect(seen[0]?.faces[0]?.gender?.probabilities.male).toBeGreaterThan(0);
    expect(seen[0]?.timings.total).toBeGreaterThan(0);
  });

  it('looks near the faces of the last frame', async () => {
    const locator = new StubLocator([left]);
    using analyzer = await create(locator);
    const video = new PixelVideo();
    const frames = analyzer.stream(video.element);
    for (let i = 0; i < 3; i++) {
      const next = frames.next();
      await show(video, i);
      await next;
    }
    await frames.return();
    const whole = locator.calls.map(({ previous }) => previous === undefined);
    expect(whole.flatMap((all, i) => (all ? [i] : []))).toEqual([0]);
    expect(locator.calls[1]?.previous).toEqual([{ box: expect.anything(), points: left, score: 0.9 }]);
  });

  it('searches everywhere as long as there is no face', async () => {
    const locator = new StubLocator([]);
    using analyzer = await create(locator);
    const video = new PixelVideo();
    const frames = analyzer.stream(video.element);
    for (let i = 0; i < 3; i++) {
      const next = frames.next();
      await show(video, i);
      expect((await next).value?.faces).toEqual([]);
    }
    await frames.return();
    expect(locator.calls.every(({ previous }) => previous === undefined)).toBe(true);
  });

  it('stops on abort and on dispose, and leaves no request behind', async () => {
    const locator = new StubLocator([left]);
    const analyzer = await create(locator);
    const video = new PixelVideo();
    const controller = new AbortController();
    const aborted = analyzer.stream(video.element, { signal: controller.signal }).next();
    await soon(() => expect(video.waiting.size).toBe(1));
    controller.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    expect(video.waiting.size).toBe(0);

    const disposed = analyzer.stream(video.element).next();
    await soon(() => expect(video.waiting.size).toBe(1));
    analyzer.dispose();
    await expect(disposed).rejects.toMatchObject({ code: 'DISPOSED' });
    expect(video.waiting.size).toBe(0);
  });
});
