import sharp from 'sharp';
import type { FaceAnalyzer } from 'swinface';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestPage, samplePath, type TestPage } from '../../../alignment/test/support/browser.js';
import type { SdkHarness, Step } from './page.js';

declare const harness: SdkHarness;

/** A photo of four people, 1920 x 1537. */
const GROUP = 'sample6.jpg';
const MODEL = '/assets/models/swinface-mobile.json';

let test: TestPage;
beforeAll(async () => {
  test = await openTestPage([], 'packages/swinface/test/browser/page.html');
  await test.page.evaluate(async (model) => {
    const { FaceAnalyzer } = harness;
    Object.assign(globalThis, { analyzer: await FaceAnalyzer.create({ model, engine: 'wasm', thread: 'main' }) });
  }, MODEL);
});
afterAll(() => test?.close());

/** What the default analyzer finds in a picture: noses and years. */
function analyze(name: string, picture: Buffer): Promise<{ nose: readonly [number, number]; years: number }[]> {
  return test.page.evaluate(
    async (url) => {
      const { analyzer } = globalThis as unknown as { analyzer: FaceAnalyzer };
      const faces = await analyzer.analyze(await (await fetch(url)).blob());
      return faces.map(({ points, age }) => ({ nose: points[2], years: age?.years ?? Number.NaN }));
    },
    test.publish(name, picture),
  );
}

describe('pictures of any size', () => {
  it.each([
    [1, 1],
    [1, 4000],
    [40_000, 10],
  ])('nobody is in %i x %i pixels', async (width, height) => {
    const pixels = Buffer.alloc(3 * width * height).map((_, i) => (Math.imul(i + 1, 2654435761) >>> 24) & 255);
    const picture = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer();
    expect(await analyze(`${width}x${height}.png`, picture)).toEqual([]);
  });

  it('the people at the far end of 16384 x 1024 pixels are found where they stand', async () => {
    const people = await sharp(samplePath(GROUP)).resize({ height: 1024 }).toBuffer();
    const { width = 0 } = await sharp(people).metadata();
    const alone = await analyze('people.jpg', people);
    expect(alone).toHaveLength(4);
    const ground = sharp({ create: { width: 16_384, height: 1024, channels: 3, background: '#5a6b4a' } });
    const left = 16_384 - width;
    const faces = await analyze(
      'wide.png',
      await ground
        .composite([{ input: people, left, top: 0 }])
        .png()
        .toBuffer(),
    );
    expect(faces).toHaveLength(4);
    for (const { nose, years } of alone) {
      const twin = faces.find((face) => Math.hypot(face.nose[0] - left - nose[0], face.nose[1] - nose[1]) < 10);
      expect(twin, `the face at ${nose}`).toBeDefined();
      expect(Math.abs((twin?.years ?? 0) - years)).toBeLessThan(3);
    }
  });

  it('what is transparent shows nobody, and hides nobody beside it', async () => {
    const side = { width: 960, height: 768 };
    const { data } = await sharp(samplePath(GROUP))
      .resize(side)
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const raw = { ...side, channels: 4 as const };
    const opaque = await analyze('opaque.png', await sharp(data, { raw }).png().toBuffer());
    expect(opaque).toHaveLength(4);
    const [first, ...others] = [...opaque].sort((a, b) => a.nose[0] - b.nose[0]);
    if (!first) throw new Error('nobody');
    // Everything around the first person is cut out, as by a photo editor.
    const cut = data.map((value, i) => {
      const [x, y] = [(i >> 2) % side.width, Math.floor((i >> 2) / side.width)];
      return i % 4 === 3 && Math.hypot(x - first.nose[0], y - first.nose[1]) > 120 ? 0 : value;
    });
    const left = await analyze('cut-out.png', await sharp(cut, { raw }).png().toBuffer());
    expect(left).toHaveLength(1);
    expect(Math.hypot((left[0]?.nose[0] ?? 0) - first.nose[0], (left[0]?.nose[1] ?? 0) - first.nose[1])).toBeLessThan(
      8,
    );
    expect(others).toHaveLength(3);
    const nothing = data.map((value, i) => (i % 4 === 3 ? 0 : value));
    expect(await analyze('transparent.png', await sharp(nothing, { raw }).png().toBuffer())).toEqual([]);
  });
});

/** Steps of one picture, in their order; one face is warped and analysed at a time, so that the second is warped after the first was analysed. */
const STEPS = [
  ['the detector', 'blazeface-full', 1],
  ['the landmarks', 'face-mesh', 1],
  ['finding faces', 'located', 1],
  ['the first crop', 'warp', 1],
  ['the first answer of the network', 'warp', 2],
] as const satisfies readonly (readonly [string, Step, number])[];

it.each(STEPS)('a call that is aborted after %s ends there, and the next one works', async (_, step, time) => {
  const outcome = await test.page.evaluate(
    async ([model, url, step, time]) => {
      const { FaceAnalyzer, rejection, watchedLocator } = harness;
      let passed: Step[] = [];
      let controller = new AbortController();
      const locator = await watchedLocator((now) => {
        passed.push(now);
        if (now === step && passed.filter((one) => one === step).length === time) controller.abort();
      });
      // Bitmaps that are open: every one of a call is closed once it has ended.
      let bitmaps = 0;
      const { createImageBitmap } = globalThis;
      const { close } = ImageBitmap.prototype;
      globalThis.createImageBitmap = (async (...args: Parameters<typeof createImageBitmap>) => {
        const made = await createImageBitmap(...args);
        bitmaps++;
        return made;
      }) as typeof createImageBitmap;
      ImageBitmap.prototype.close = function () {
        bitmaps--;
        close.call(this);
      };
      try {
        const analyzer = await FaceAnalyzer.create({ model, engine: 'wasm', thread: 'main', maxFaces: 1, locator });
        const photo = await (await fetch(url)).blob();
        const error = await rejection(analyzer.analyze(photo, { signal: controller.signal }));
        const before = passed.length;
        await new Promise((resolve) => setTimeout(resolve, 300));
        const after = passed.length;
        const last = passed.at(-1);
        const open = bitmaps;
        passed = [];
        controller = new AbortController();
        const faces = await analyzer.analyze(photo);
        analyzer.dispose();
        locator.dispose();
        return { error, last, later: after - before, open, faces: faces.length };
      } finally {
        Object.assign(globalThis, { createImageBitmap });
        ImageBitmap.prototype.close = close;
      }
    },
    [MODEL, `/assets/samples/${GROUP}`, step, time] as const,
  );
  expect(outcome).toMatchObject({ error: { name: 'AbortError' }, last: step, later: 0, open: 0, faces: 4 });
});

it('a device that is lost between the detector and the network is replaced, and the answer is the same', async () => {
  const outcome = await test.page.evaluate(
    async ([model, url]) => {
      const { FaceAnalyzer, watchedLocator } = harness;
      const devices: GPUDevice[] = [];
      const { requestDevice } = GPUAdapter.prototype;
      GPUAdapter.prototype.requestDevice = async function (...options) {
        const device = await requestDevice.apply(this, options);
        devices.push(device);
        return device;
      };
      let lose = false;
      const locator = await watchedLocator((step) => {
        if (step === 'located' && lose) devices.at(-1)?.destroy();
        if (step === 'located') lose = false;
      });
      const events: string[] = [];
      try {
        const analyzer = await FaceAnalyzer.create({
          model,
          engine: 'webgpu',
          thread: 'main',
          locator,
          outputs: ['Recognition'],
          onDeviceChange: ({ state }) => events.push(state),
        });
        const photo = await (await fetch(url)).blob();
        const before = await analyzer.analyze(photo);
        lose = true;
        const after = await analyzer.analyze(photo);
        const { kind } = analyzer.engine;
        analyzer.dispose();
        locator.dispose();
        const numbers = (faces: typeof before) => faces.flatMap(({ embedding }) => Array.from(embedding ?? []));
        const others = numbers(after);
        const differences = numbers(before).map((value, i) => Math.abs(value - (others[i] ?? Number.NaN)));
        return { events, kind, devices: devices.length, numbers: others.length, difference: Math.max(...differences) };
      } finally {
        GPUAdapter.prototype.requestDevice = requestDevice;
      }
    },
    [MODEL, `/assets/samples/${GROUP}`] as const,
  );
  expect(outcome).toMatchObject({ events: ['lost', 'restored'], kind: 'webgpu', devices: 2, numbers: 4 * 512 });
  // The same kernels on the same pixels.
  expect(outcome.difference).toBeLessThan(1e-6);
});
