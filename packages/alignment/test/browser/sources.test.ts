import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestPage, type TestPage } from '../support/browser.js';
import type { PageAlignment, PageHarness } from './page.js';

declare const alignment: PageAlignment;
declare const harness: PageHarness;

const png = (background: string, width = 8, height = 6): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();

let test: TestPage;
/** Another origin, which allows nothing. */
let stranger: Server;
let foreign: string;
beforeAll(async () => {
  test = await openTestPage();
  test.publish('red.png', await png('#f00'));
  test.publish('blue.png', await png('#00f'));
  const picture = await png('#0f0');
  stranger = createServer((_, response) => {
    response.setHeader('Content-Type', 'image/png');
    response.end(picture);
  });
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  foreign = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/green.png`;
  await test.page.evaluate(() => {
    /** Red, green and blue of the first pixel of what was captured, and the size in which the page knows it. */
    const seen = async (captured: ReturnType<PageAlignment['UprightImage']['capture']>) => {
      await captured.ready;
      const image = await captured.decode();
      const colour = [...image.readPixels({ x: 0, y: 0, width: 1, height: 1 }).data.slice(0, 3)];
      image.dispose();
      return { colour, size: [image.width, image.height], scale: image.scaleX };
    };
    const load = async (src: string, set: Partial<HTMLImageElement> = {}) => {
      const image = Object.assign(new Image(), set);
      await new Promise((resolve) => {
        image.onload = image.onerror = resolve;
        image.src = src;
      });
      return image;
    };
    Object.assign(globalThis, { seen, load });
  });
});
afterAll(async () => {
  stranger?.close();
  await test?.close();
});

declare const seen: (
  captured: ReturnType<PageAlignment['UprightImage']['capture']>,
) => Promise<{ colour: number[]; size: number[]; scale: number }>;
declare const load: (src: string, set?: Partial<HTMLImageElement>) => Promise<HTMLImageElement>;

const RED = [255, 0, 0];

describe('a source is that of the moment of the call', () => {
  it('though a canvas is drawn over, a bitmap closed and pixels changed right after', async () => {
    const colours = await test.page.evaluate(async () => {
      const { capture } = alignment.UprightImage;
      const canvas = document.createElement('canvas');
      const context = canvas.getContext('2d');
      const fill = (colour: string) => {
        if (context) context.fillStyle = colour;
        context?.fillRect(0, 0, canvas.width, canvas.height);
      };
      fill('#f00');
      const bitmap = await createImageBitmap(canvas);
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const pixels = new ImageData(Uint8ClampedArray.of(255, 0, 0, 255), 1, 1);
      const upright = await alignment.UprightImage.from(canvas);
      const webgl = document.createElement('canvas');
      const gl = webgl.getContext('webgl');
      gl?.clearColor(1, 0, 0, 1);
      gl?.clear(gl.COLOR_BUFFER_BIT);
      const captured = [canvas, bitmap, frame, pixels, upright, webgl].map((source) => capture(source));
      fill('#00f');
      bitmap.close();
      frame.close();
      pixels.data.fill(0);
      upright.dispose();
      // Its buffer is cleared when the page is next drawn.
      document.body.append(webgl);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
      webgl.remove();
      return Promise.all(captured.map(async (each) => (await seen(each)).colour));
    });
    for (const colour of colours) {
      colour.forEach((value, i) => {
        // Frames may hold YUV.
        expect(Math.abs(value - (RED[i] ?? Number.NaN))).toBeLessThan(4);
      });
    }
  });

  it('and an image element that shows another picture by then is refused', async () => {
    const errors = await test.page.evaluate(async () => {
      const image = await load('/assets/red.png');
      const whenLoaded = alignment.UprightImage.capture(image);
      await whenLoaded.ready;
      image.src = '/assets/blue.png';
      const changed = await harness.rejection(whenLoaded.decode());
      const loading = new Image();
      loading.src = '/assets/red.png?once';
      const whileLoading = alignment.UprightImage.capture(loading);
      loading.src = '/assets/blue.png?twice';
      return [changed, await harness.rejection(whileLoading.ready)];
    });
    for (const error of errors) {
      expect(error?.code).toBe('INVALID_INPUT');
      expect(error?.message).toMatch(/given another picture/);
    }
  });

  it('and is freed where it is not decoded', async () => {
    const error = await test.page.evaluate(async () => {
      const captured = alignment.UprightImage.capture(new ImageData(2, 2));
      captured.dispose();
      captured.dispose();
      return harness.rejection(captured.decode());
    });
    expect(error?.code).toBe('DISPOSED');
  });
});

describe('image elements', () => {
  it('that load lazily are loaded, far below the fold and outside the document', async () => {
    const found = await test.page.evaluate(async () => {
      const far = document.createElement('div');
      far.style.height = '30000px';
      const lazy = Object.assign(new Image(), { loading: 'lazy', src: '/assets/red.png?lazy' });
      const detached = Object.assign(new Image(), { loading: 'lazy', src: '/assets/red.png?detached' });
      document.body.append(far, lazy);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const complete = [lazy.complete, detached.complete];
      const colours = [
        await seen(alignment.UprightImage.capture(lazy)),
        await seen(alignment.UprightImage.capture(detached)),
      ];
      far.remove();
      lazy.remove();
      return { complete, colours: colours.map(({ colour }) => colour) };
    });
    expect(found.complete, 'the browser left them alone').toEqual([false, false]);
    expect(found.colours).toEqual([RED, RED]);
  });

  it('are in the pixels in which the page knows them, whatever the density and the width', async () => {
    const found = await test.page.evaluate(async () => {
      const dense = new Image();
      dense.srcset = '/assets/red.png 2x';
      await dense.decode();
      const wide = await load('/assets/red.png', { width: 300 });
      return [dense, wide]
        .map((image) => ({ natural: [image.naturalWidth, image.naturalHeight], image }))
        .reduce(
          async (before, { natural, image }) => [
            ...(await before),
            { natural, ...(await seen(alignment.UprightImage.capture(image))) },
          ],
          Promise.resolve([] as { natural: number[]; size: number[]; scale: number }[]),
        );
    });
    expect(found[0]).toMatchObject({ natural: [4, 3], size: [4, 3], scale: 2 });
    expect(found[1]).toMatchObject({ natural: [8, 6], size: [8, 6], scale: 1 });
  });

  it('that are broken, empty or of a document without a window are refused at once', async () => {
    const errors = await test.page.evaluate(async () => {
      const parsed = new DOMParser().parseFromString('<img src="/assets/red.png">', 'text/html').images[0];
      const images = [new Image(), await load('/assets/nothing.png'), parsed];
      return Promise.all(
        images.map((image) => harness.rejection(alignment.UprightImage.from(image as HTMLImageElement))),
      );
    });
    expect(errors.map((error) => error?.code)).toEqual(['INVALID_INPUT', 'INVALID_INPUT', 'INVALID_INPUT']);
    expect(errors[1]?.message).toContain('nothing.png is no image');
  });
});

it('pixels of another origin are refused with the way to have them', async () => {
  const errors = await test.page.evaluate(async (foreign) => {
    const image = await load(foreign);
    const canvas = document.createElement('canvas');
    canvas.getContext('2d')?.drawImage(image, 0, 0);
    const bitmap = await createImageBitmap(canvas);
    const one = [image, canvas, bitmap].map((source) => harness.rejection(alignment.UprightImage.from(source)));
    // As browsers without video frames of bitmaps do it.
    const { VideoFrame: Frame } = globalThis;
    Reflect.deleteProperty(globalThis, 'VideoFrame');
    const two = await Promise.all(
      [image, canvas, bitmap].map((source) => harness.rejection(alignment.UprightImage.from(source))),
    );
    Object.assign(globalThis, { VideoFrame: Frame });
    return [...(await Promise.all(one)), ...two];
  }, foreign);
  expect(errors).toHaveLength(6);
  for (const error of errors) {
    expect(error?.code).toBe('INVALID_INPUT');
    expect(error?.message).toMatch(/another origin.*CORS headers and crossOrigin/);
  }
});

it('objects of other windows are sources like those of this one', async () => {
  const colours = await test.page.evaluate(async () => {
    const frame = document.createElement('iframe');
    document.body.append(frame);
    const other = frame.contentWindow as (Window & typeof globalThis) | null;
    if (!other) throw new Error('no window');
    const canvas = other.document.createElement('canvas');
    const context = canvas.getContext('2d');
    if (context) context.fillStyle = '#f00';
    context?.fillRect(0, 0, 300, 150);
    const image = new other.Image();
    image.src = '/assets/red.png';
    const bytes = await (await fetch('/assets/red.png')).arrayBuffer();
    const pixels = new other.ImageData(Uint8ClampedArray.of(255, 0, 0, 255), 1, 1);
    const sources = [canvas, image, new other.Blob([bytes]), new other.File([bytes], 'a.png'), pixels];
    sources.push((await other.createImageBitmap(canvas)) as never);
    const found = [];
    for (const source of sources) found.push((await seen(alignment.UprightImage.capture(source as Blob))).colour);
    frame.remove();
    return found;
  });
  expect(colours).toEqual([RED, RED, RED, RED, RED, RED]);
});

it('HEIC is recognised by its bytes, whatever it is called, and AVIF is not mistaken for it', async () => {
  const errors = await test.page.evaluate(() => {
    const box = (...brands: string[]) => {
      const text = `ftyp${brands[0]}\0\0\0\0${brands.slice(1).join('')}`;
      const size = 4 + text.length;
      return new File([Uint8Array.of(0, 0, 0, size), text, 'and then pictures'], 'IMG_0001.JPG', {
        type: 'image/jpeg',
      });
    };
    const files = [box('heic', 'mif1', 'heic'), box('mif1', 'heic'), box('mif1', 'avif'), box('mp42', 'isom')];
    return Promise.all(files.map((file) => harness.rejection(alignment.UprightImage.from(file))));
  });
  expect(errors.map((error) => error?.code)).toEqual(Array(4).fill('INVALID_INPUT'));
  expect(errors.map((error) => /HEIC.*Convert it to JPEG/.test(error?.message ?? ''))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

describe('videos', () => {
  beforeAll(async () => {
    await test.page.evaluate(async () => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [64, 48];
      const context = canvas.getContext('2d');
      const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: 'video/webm' });
      const parts: Blob[] = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      recorder.start();
      const end = performance.now() + 1500;
      while (performance.now() < end) {
        if (context) context.fillStyle = '#f00';
        context?.fillRect(0, 0, 64, 48);
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      const stopped = new Promise((resolve) => {
        recorder.onstop = resolve;
      });
      recorder.stop();
      await stopped;
      Object.assign(globalThis, { film: URL.createObjectURL(new Blob(parts, { type: 'video/webm' })) });
    });
  });

  it('have a frame at "loadeddata", while they load and while they are sought', async () => {
    const sizes = await test.page.evaluate(async () => {
      const { film } = globalThis as unknown as { film: string };
      const once = (video: HTMLVideoElement, type: string) =>
        new Promise((resolve) => video.addEventListener(type, resolve, { once: true }));
      const video = Object.assign(document.createElement('video'), { muted: true, src: film });
      await once(video, 'loadeddata');
      const atLoadedData = await seen(alignment.UprightImage.capture(video));
      video.currentTime = 0.5;
      const { readyState } = video;
      const whileSought = await seen(alignment.UprightImage.capture(video));
      const early = Object.assign(document.createElement('video'), { muted: true, preload: 'auto', src: film });
      const whileLoading = await seen(alignment.UprightImage.capture(early));
      return { readyState, found: [atLoadedData, whileSought, whileLoading] };
    });
    expect(sizes.readyState, 'there is no frame while a video is sought').toBeLessThan(2);
    for (const { colour, size } of sizes.found) {
      expect(size).toEqual([64, 48]);
      expect(colour[0]).toBeGreaterThan(200);
    }
  });

  it('that will never have one are refused: missing, broken, taken away, never given', async () => {
    const errors = await test.page.evaluate(async () => {
      const video = (set: Partial<HTMLVideoElement>) => Object.assign(document.createElement('video'), set);
      const film = (globalThis as unknown as { film: string }).film;
      const broken = URL.createObjectURL(new Blob(['no film'], { type: 'video/webm' }));
      const listed = document.createElement('video');
      for (const src of ['/assets/a.webm', '/assets/b.webm']) {
        listed.append(Object.assign(document.createElement('source'), { src, type: 'video/webm' }));
      }
      const removed = video({ src: film, preload: 'auto' });
      const waiting = alignment.UprightImage.capture(removed);
      removed.removeAttribute('src');
      removed.load();
      const others = [video({ src: '/assets/nothing.webm' }), video({ src: broken }), listed, video({})];
      return Promise.all([
        harness.rejection(waiting.ready),
        ...others.map((each) => harness.rejection(alignment.UprightImage.from(each))),
      ]);
    });
    expect(errors.map((error) => error?.code)).toEqual(Array(5).fill('INVALID_INPUT'));
    expect(errors[3]?.message).toMatch(/none of its sources/);
    expect(errors[4]?.message).toMatch(/loadeddata/);
  });
});
