import type { UprightImage } from '@swinface/alignment';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestPage, type TestPage } from '../support/browser.js';
import type { PageAlignment, PageHarness } from './page.js';

declare const alignment: PageAlignment;
declare const harness: PageHarness;

let test: TestPage;
beforeAll(async () => {
  test = await openTestPage();
});
afterAll(() => test?.close());

/** Four coloured quarters: red, green / blue, white. */
const quarters = (width: number, height: number): Sharp => {
  const quarter = (background: string) => ({
    create: { width: width / 2, height: height / 2, channels: 3 as const, background },
  });
  return sharp({ create: { width, height, channels: 3, background: '#f00' } }).composite([
    { input: quarter('#0f0'), left: width / 2, top: 0 },
    { input: quarter('#00f'), left: 0, top: height / 2 },
    { input: quarter('#fff'), left: width / 2, top: height / 2 },
  ]);
};

describe('UprightImage.from', () => {
  it('takes every kind of source, at its size and with its pixels', async () => {
    const url = test.publish('quarters.png', await quarters(64, 40).png().toBuffer());
    const seen = await test.page.evaluate(async (url) => {
      const blob = await (await fetch(url)).blob();
      const element = new Image();
      element.src = url;
      const canvas = document.createElement('canvas');
      canvas.width = 64;
      canvas.height = 40;
      const bitmap = await createImageBitmap(blob);
      const context = canvas.getContext('2d');
      context?.drawImage(bitmap, 0, 0);
      const offscreen = new OffscreenCanvas(64, 40);
      offscreen.getContext('2d')?.drawImage(bitmap, 0, 0);
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const video = document.createElement('video');
      video.muted = true;
      video.srcObject = canvas.captureStream(30);
      const playing = new Promise((resolve) => {
        video.onloadeddata = resolve;
      });
      await video.play();
      context?.drawImage(bitmap, 0, 0);
      await playing;
      const data = context?.getImageData(0, 0, 64, 40);
      const sources = { blob, file: new File([blob], 'q.png'), element, canvas, bitmap, offscreen, frame, video, data };
      const result: Record<string, { size: number[]; corners: number[][]; video: boolean }> = {};
      for (const [name, source] of Object.entries(sources)) {
        if (!source) throw new Error(`no ${name}`);
        const image = await alignment.UprightImage.from(source);
        const corners = [
          [0, 0],
          [63, 0],
          [0, 39],
          [63, 39],
        ].map(([x = 0, y = 0]) => [...image.readPixels({ x, y, width: 1, height: 1 }).data.slice(0, 3)]);
        result[name] = {
          size: [image.width, image.height, image.scaleX, image.scaleY],
          corners,
          video: image.pixels instanceof VideoFrame,
        };
        image.dispose();
        image.dispose();
      }
      // What the caller gave stays open.
      result.reused = { size: [bitmap.width, frame.displayWidth], corners: [], video: false };
      frame.close();
      return result;
    }, url);
    const { reused, ...sources } = seen;
    expect(reused?.size).toEqual([64, 64]);
    expect(Object.keys(sources)).toHaveLength(9);
    const colours = [
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
      [255, 255, 255],
    ];
    for (const [name, { size, corners, video }] of Object.entries(sources)) {
      expect(size, name).toEqual([64, 40, 1, 1]);
      expect(video, name).toBe(name === 'frame' || name === 'video');
      corners.forEach((corner, i) => {
        // Video goes through YUV.
        corner.forEach((value, c) => {
          expect(Math.abs(value - (colours[i]?.[c] ?? 0)), `${name} corner ${i}`).toBeLessThan(
            name === 'video' ? 12 : 2,
          );
        });
      });
    }
  });

  it('turns pictures upright by their EXIF orientation', async () => {
    const turned = await sharp(await quarters(64, 40).png().toBuffer())
      .rotate(270)
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const seen = await test.page.evaluate(
      async (url) => {
        const image = await alignment.UprightImage.from(await (await fetch(url)).blob());
        const corner = image.readPixels({ x: 4, y: 4, width: 1, height: 1 }).data;
        return { size: [image.width, image.height], corner: [...corner.slice(0, 3)] };
      },
      test.publish('turned.jpg', turned),
    );
    expect(seen.size).toEqual([64, 40]);
    expect(seen.corner[0]).toBeGreaterThan(245);
    expect(seen.corner[1]).toBeLessThan(10);
  });

  it('shrinks pictures beyond the limits and remembers by how much', async () => {
    const seen = await test.page.evaluate(
      async (url) => {
        const blob = await (await fetch(url)).blob();
        const bySide = await alignment.UprightImage.from(blob, { maxSide: 100 });
        const byPixels = await alignment.UprightImage.from(blob, { maxPixels: 5000 });
        const plain = (image: typeof bySide) => ({
          size: [image.width, image.height],
          pixels: [...image.pixelSize],
          scale: [image.scaleX, image.scaleY],
        });
        return [plain(bySide), plain(byPixels)];
      },
      test.publish('wide.png', await quarters(400, 200).png().toBuffer()),
    );
    expect(seen[0]).toEqual({ size: [400, 200], pixels: [100, 50], scale: [0.25, 0.25] });
    expect(seen[1]).toEqual({ size: [400, 200], pixels: [100, 50], scale: [0.25, 0.25] });
  });

  it('lays transparency over black', async () => {
    const glass = sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 200, g: 100, b: 50, alpha: 0.5 } },
    });
    const seen = await test.page.evaluate(
      async (url) => {
        const image = await alignment.UprightImage.from(await (await fetch(url)).blob());
        return [...image.readPixels({ x: 2, y: 2, width: 1, height: 1 }).data];
      },
      test.publish('glass.png', await glass.png().toBuffer()),
    );
    [100, 50, 25, 255].forEach((value, i) => {
      expect(Math.abs((seen[i] ?? 0) - value)).toBeLessThanOrEqual(2);
    });
  });

  it('says of every bad input what came', async () => {
    const errors = await test.page.evaluate(async () => {
      const closed = await createImageBitmap(new ImageData(4, 4));
      closed.close();
      const broken = new Image();
      broken.src = 'data:image/png;base64,AAAA';
      const closedFrame = new VideoFrame(await createImageBitmap(new ImageData(2, 2)), { timestamp: 0 });
      closedFrame.close();
      const emptyCanvas = document.createElement('canvas');
      emptyCanvas.width = 0;
      const bad: Record<string, unknown> = {
        text: new File(['not a picture'], 'notes.txt', { type: 'text/plain' }),
        halfJpeg: new Blob([Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16)], { type: 'image/jpeg' }),
        empty: new Blob([]),
        closed,
        closedFrame,
        broken,
        emptyCanvas,
        videoWithoutFrame: document.createElement('video'),
        null: null,
        undefined,
        string: '/photo.jpg',
        number: 3,
        div: document.createElement('div'),
      };
      const result: Record<string, { code: unknown; message: string } | undefined> = {};
      for (const [name, source] of Object.entries(bad)) {
        result[name] = await harness.rejection(alignment.UprightImage.from(source as Blob));
      }
      return result;
    });
    for (const [name, error] of Object.entries(errors))
      expect(error?.code, `${name}: ${error?.message}`).toBe('INVALID_INPUT');
    expect(errors.text?.message).toContain('notes.txt');
    expect(errors.empty?.message).toContain('empty file');
    expect(errors.videoWithoutFrame?.message).toContain('loadeddata');
    expect(errors.string?.message).toContain('"/photo.jpg"');
  });

  it('rejects with the reason of an aborted signal', async () => {
    const error = await test.page.evaluate(() =>
      harness.rejection(
        alignment.UprightImage.from(new ImageData(4, 4), { signal: AbortSignal.abort(new Error('changed my mind')) }),
      ),
    );
    expect(error?.message).toBe('changed my mind');
  });
});

// Only with its GPU process on SwiftShader as well can Chromium import frames into SwiftShader's WebGPU.
const IMPORTING = ['--use-angle=swiftshader', '--enable-features=Vulkan', '--use-vulkan=swiftshader'];

describe.each([
  { frames: 'are imported', flags: IMPORTING },
  { frames: 'cannot be imported', flags: [] },
  { frames: 'are not to be imported', flags: IMPORTING },
])('GpuWarp where video frames $frames', ({ frames, flags }) => {
  let own: TestPage;
  beforeAll(async () => {
    own = await openTestPage(flags);
  });
  afterAll(() => own?.close());

  it('reads bitmaps, video frames and shrunk copies like the CPU warp', async () => {
    const seen = await own.page.evaluate(async (frames) => {
      const [width, height] = [640, 400];
      const data = new ImageData(width, height);
      let state = 1;
      for (let i = 0; i < data.data.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const [x, y] = [(i >> 2) % width, Math.floor(i / 4 / width)];
        // A smooth picture with some noise on it; opaque.
        data.data[i] = i % 4 === 3 ? 255 : 128 + 90 * Math.sin(x / 37 + (i % 4)) * Math.cos(y / 29) + (state >>> 28);
      }
      const adapter = await navigator.gpu.requestAdapter();
      if (!adapter) throw new Error('No WebGPU adapter in this Chromium.');
      const device = await adapter.requestDevice();
      const imported: boolean[] = [];
      const failures: string[] = [];
      device.onuncapturederror = ({ error }) => failures.push(error.message);
      if (frames === 'cannot be imported') {
        // Said for the browser: Chromium 156 does without these flags, Chromium 150 loses the device.
        device.importExternalTexture = () => {
          throw new DOMException('Failed to import texture from video', 'OperationError');
        };
      }
      const warp = await alignment.GpuWarp.create(device, frames !== 'are not to be imported');
      const faces = [
        alignment.cropTransform([
          [200, 150],
          [280, 160],
          [235, 205],
          [198, 250],
          [265, 258],
        ]),
        alignment.cropTransform(
          [
            [520, 90],
            [600, 70],
            [570, 130],
            [540, 180],
            [610, 160],
          ],
          0.6,
        ),
        alignment.cropTransform([
          [100, 300],
          [112, 300],
          [106, 307],
          [101, 314],
          [111, 314],
        ]),
      ];
      const bytes = 4 * alignment.CROP_LENGTH * faces.length;
      const onGpu = async (image: UprightImage): Promise<Float32Array> => {
        const target = device.createBuffer({ size: bytes, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
        const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
        const source = warp.upload(image);
        imported.push(source.texture instanceof GPUExternalTexture);
        const encoder = device.createCommandEncoder();
        warp.encode(encoder, { source, sourceToCrop: faces, target });
        encoder.copyBufferToBuffer(target, 0, staging, 0, bytes);
        device.queue.submit([encoder.finish()]);
        source.dispose();
        await staging.mapAsync(GPUMapMode.READ);
        return new Float32Array(staging.getMappedRange().slice(0));
      };
      const worst = (a: Float32Array, b: Float32Array): number =>
        a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] ?? Number.NaN))), 0);
      const result: Record<string, number> = {};
      const bitmap = await alignment.UprightImage.from(data);
      const reference = alignment.warpPixels(data, faces);
      result.cpu = worst(alignment.warpImage(bitmap, faces), reference);
      result.bitmap = worst(await onGpu(bitmap), reference);
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext('2d')?.putImageData(data, 0, 0);
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const video = await alignment.UprightImage.from(frame);
      result.frame = worst(await onGpu(video), reference);
      const half = await alignment.UprightImage.from(data, { maxSide: width / 2 });
      result.half = worst(await onGpu(half), alignment.warpImage(half, faces));
      result.halfAgainstFull = worst(await onGpu(half), reference);
      await device.queue.onSubmittedWorkDone();
      return { result, failures, imported };
    }, frames);
    expect(seen.failures).toEqual([]);
    expect(seen.imported).toEqual([false, frames === 'are imported', false, false]);
    // Decoding and reading back an opaque bitmap is exact; the rest is float32.
    expect(seen.result.cpu).toBeLessThan(1e-6);
    expect(seen.result.bitmap).toBeLessThan(1e-4);
    expect(seen.result.half).toBeLessThan(1e-4);
    // Browsers may hold the frame of a canvas as RGB or YUV: one or two bytes of 255.
    expect(seen.result.frame).toBeLessThan(0.03);
    // Half the resolution of a smooth picture, and the noise on it averaged.
    expect(seen.result.halfAgainstFull).toBeLessThan(0.12);
  });
});
