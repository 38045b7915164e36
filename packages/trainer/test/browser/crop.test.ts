import type { FivePoints, Point } from '@swinface/geometry';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PageAlignment } from '../../../alignment/test/browser/page.js';
import { openTestPage, type TestPage } from '../../../alignment/test/support/browser.js';
import { cropFace, decodeImage, writeInput } from '../../src/data/crop.js';

declare const alignment: PageAlignment;

let test: TestPage;
beforeAll(async () => {
  test = await openTestPage();
});
afterAll(() => test?.close());

const [WIDTH, HEIGHT] = [640, 420];
const LENGTH = 3 * 112 * 112;

/** Waves, a slope and hard squares, different in each corner. */
const drawn = sharp(
  Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
    const square = (x >> 3) % 5 === 0 && (y >> 3) % 3 === 0 ? 60 : 0;
    return (
      ([100 + 90 * Math.sin(x / 7) * Math.cos(y / 11), (190 * x) / WIDTH, (190 * y) / HEIGHT][i % 3] ?? 0) + square
    );
  }),
  { raw: { width: WIDTH, height: HEIGHT, channels: 3 } },
);

const face = (x: number, y: number, size: number, degrees: number): FivePoints => {
  const angle = (degrees * Math.PI) / 180;
  const at = (u: number, v: number): Point => [
    x + size * (u * Math.cos(angle) - v * Math.sin(angle)),
    y + size * (u * Math.sin(angle) + v * Math.cos(angle)),
  ];
  return [at(-0.16, -0.04), at(0.16, -0.04), at(0, 0.14), at(-0.13, 0.33), at(0.13, 0.33)];
};

/** Small, turned, of the crop's size between pixels, large enough for blocks of 3, cut by two edges, all but outside. */
const FACES = [
  face(120.3, 80.7, 60, 0),
  face(400.1, 200.9, 90, 31),
  face(300.26, 150.74, 110.1, -4),
  face(320, 200, 360, -12),
  face(6, 400, 150, 8),
  face(655, 180, 120, 100),
];
const ZOOMS = [1, 0.6];

/** Largest differences, in 255ths of the range, between the trainer's crops and those of the page's two warps. */
async function compare(name: string, bytes: Buffer): Promise<{ cpu: number; gpu: number; size: readonly number[] }> {
  const decoded = await decodeImage(bytes, 3);
  const expected = new Float32Array(ZOOMS.length * FACES.length * LENGTH);
  for (const [z, scale] of ZOOMS.entries()) {
    for (const [f, points] of FACES.entries()) {
      const crop = cropFace(decoded, points, { side: 112, scale, channels: 3 });
      writeInput(crop, false, expected, (z * FACES.length + f) * LENGTH);
    }
  }
  const seen = await test.page.evaluate(
    async ([url, faces, zooms]) => {
      const image = await alignment.UprightImage.from(await (await fetch(url)).blob());
      const transforms = zooms.flatMap((zoom) => faces.map((points) => alignment.cropTransform(points, zoom)));
      const cpu = alignment.warpImage(image, transforms);
      const device = await (await navigator.gpu.requestAdapter())?.requestDevice();
      if (!device) throw new Error('No WebGPU adapter in this Chromium.');
      const warp = await alignment.GpuWarp.create(device);
      const target = device.createBuffer({
        size: cpu.byteLength,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
      });
      const staging = device.createBuffer({
        size: cpu.byteLength,
        usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
      });
      const source = warp.upload(image);
      const encoder = device.createCommandEncoder();
      warp.encode(encoder, { source, sourceToCrop: transforms, target });
      encoder.copyBufferToBuffer(target, 0, staging, 0, cpu.byteLength);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const gpu = new Float32Array(staging.getMappedRange());
      const base64 = (values: Float32Array): Promise<string> =>
        new Promise((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(String(reader.result).replace(/^.*,/, ''));
          reader.readAsDataURL(new Blob([values.slice()]));
        });
      const result = { size: [image.width, image.height], cpu: await base64(cpu), gpu: await base64(gpu) };
      device.destroy();
      return result;
    },
    [test.publish(name, bytes), FACES, ZOOMS] as const,
  );
  const worst = (base64: string): number => {
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
    const values = new Float32Array(bytes.buffer);
    expect(values).toHaveLength(expected.length);
    return values.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] ?? Number.NaN))), 0) * 127.5;
  };
  return { cpu: worst(seen.cpu), gpu: worst(seen.gpu), size: seen.size };
}

it('the trainer cuts the pixels that a page cuts', async () => {
  const { cpu, gpu, size } = await compare('drawn.png', await drawn.clone().png().toBuffer());
  expect(size).toEqual([WIDTH, HEIGHT]);
  // The trainer rounds to bytes: half of one. The bars are 1 and 2.
  expect(cpu).toBeLessThan(0.51);
  expect(gpu).toBeLessThan(0.6);
});

it.each([3, 6])('and decodes EXIF orientation %d as a page does', async (orientation) => {
  const jpeg = await drawn.clone().jpeg({ quality: 95 }).withMetadata({ orientation }).toBuffer();
  const { cpu, gpu, size } = await compare(`turned-${orientation}.jpg`, jpeg);
  expect(size).toEqual(orientation < 5 ? [WIDTH, HEIGHT] : [HEIGHT, WIDTH]);
  expect(cpu).toBeLessThan(1);
  expect(gpu).toBeLessThan(1);
});

it('and decodes WebP with transparency as a page does', async () => {
  const alpha = sharp(
    Buffer.from(Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i % WIDTH < 200 ? i % 256 : 255))),
    {
      raw: { width: WIDTH, height: HEIGHT, channels: 1 },
    },
  );
  const webp = await drawn
    .clone()
    .joinChannel(await alpha.png().toBuffer())
    .webp({ lossless: true, exact: true })
    .toBuffer();
  const { cpu, gpu } = await compare('clear.webp', webp);
  expect(cpu).toBeLessThan(1.51);
  expect(gpu).toBeLessThan(1.6);
});
