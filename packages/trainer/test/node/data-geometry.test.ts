import { crc32 } from 'node:zlib';
import { InvalidInputError } from '@swinface/core';
import { ARCFACE_TEMPLATE, CROP_LENGTH, cropTransform, type FivePoints, type Point } from '@swinface/geometry';
import { warpPixels } from '@swinface/geometry/warp';
import { noise } from '@swinface/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ARCFACE_CROP, cropFace, decodeImage, writeInput } from '../../src/data/crop.js';

const points: FivePoints = [
  [60.3, 71.8],
  [98.1, 66.4],
  [83.2, 92.7],
  [70.4, 117.9],
  [103.6, 112.2],
];

/** A drawn picture that is different in each of its corners, [height, width, 3]. */
function drawn(width: number, height: number): Uint8Array {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      data[at] = Math.round(127 + 120 * Math.sin(x / 9) * Math.cos(y / 14));
      data[at + 1] = Math.round((255 * x) / width);
      data[at + 2] = Math.round((255 * y) / height);
    }
  }
  return data;
}

const raw = (data: Uint8Array, width: number, height: number, channels: 1 | 3 | 4 = 3) =>
  sharp(data, { raw: { width, height, channels } });

describe('cropFace', () => {
  const image = noise(190, 170, 3);

  it.each([
    ['tight', points],
    ['cut by the picture', points.map(([x, y]): Point => [x - 55, y - 40])],
    ['large, of which blocks are averaged', points.map(([x, y]): Point => [5 * x - 220, 5 * y - 260])],
  ])('gives the pixels that the network of a page sees: %s', async (_, moved) => {
    const face = moved as unknown as FivePoints;
    const png = await raw(Uint8Array.from(image.data), 190, 170, 4).png().toBuffer();
    for (const scale of [1, 0.6]) {
      const crop = cropFace(await decodeImage(png, 3), face, { ...ARCFACE_CROP, scale });
      const input = new Float32Array(CROP_LENGTH);
      writeInput(crop, false, input, 0);
      const page = warpPixels(image, [cropTransform(face, scale)]);
      const worst = input.reduce((most, value, i) => Math.max(most, Math.abs(value - (page[i] ?? Number.NaN))), 0);
      // Kept as bytes: half of 1/255 of the range of 2.
      expect(worst).toBeLessThanOrEqual(1 / 255 + 1e-6);
    }
  });
});

/** EXIF orientations 1 to 8: column and row at which pixel (x, y) of the upright picture is stored; u and v count from the far edges. */
const STORED: readonly ((x: number, y: number, u: number, v: number) => readonly [column: number, row: number])[] = [
  (x, y) => [x, y],
  (_x, y, u) => [u, y],
  (_x, _y, u, v) => [u, v],
  (x, _y, _u, v) => [x, v],
  (x, y) => [y, x],
  (_x, y, u) => [y, u],
  (_x, _y, u, v) => [v, u],
  (x, _y, _u, v) => [v, x],
];

describe('decodeImage', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'turns EXIF orientation %d upright, so that points mean what a page shows',
    async (orientation) => {
      const [width, height] = [160, 120];
      const data = drawn(width, height);
      const [storedWidth, storedHeight] = orientation < 5 ? [width, height] : [height, width];
      const stored = new Uint8Array(data.length);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [column, row] = STORED[orientation - 1]?.(x, y, width - 1 - x, height - 1 - y) ?? [Number.NaN, 0];
          for (let c = 0; c < 3; c++)
            stored[3 * (row * storedWidth + column) + c] = data[3 * (y * width + x) + c] as number;
        }
      }
      const jpeg = await raw(stored, storedWidth, storedHeight)
        .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
        .withMetadata({ orientation })
        .toBuffer();
      const meta = await sharp(jpeg).metadata();
      expect([meta.orientation ?? 1, meta.width]).toEqual([orientation, storedWidth]);
      const image = await decodeImage(jpeg, 3);
      expect([image.width, image.height, image.pixels.width]).toEqual([width, height, width]);
      const crop = cropFace(image, points, ARCFACE_CROP);
      const upright = cropFace({ width, height, pixels: { data, width, height } }, points, ARCFACE_CROP);
      const worst = crop.reduce((most, value, i) => Math.max(most, Math.abs(value - (upright[i] ?? 999))), 0);
      // JPEG at its best quality; a wrong turn differs by more than 100.
      expect(worst).toBeLessThanOrEqual(6);
    },
  );

  it('lays transparency over black, as a page does', async () => {
    const png = await raw(Uint8Array.of(200, 100, 50, 128), 1, 1, 4)
      .png()
      .toBuffer();
    const { pixels } = await decodeImage(png, 3);
    for (const [c, value] of [100, 50, 25].entries())
      expect(Math.abs((pixels.data[c] ?? 999) - value)).toBeLessThanOrEqual(1);
  });

  it('decodes grey to as many channels as are asked for', async () => {
    const png = await raw(Uint8Array.of(7, 250), 2, 1, 1).png().toBuffer();
    expect([...(await decodeImage(png, 1)).pixels.data]).toEqual([7, 250]);
    expect([...(await decodeImage(png, 3)).pixels.data]).toEqual([7, 7, 7, 250, 250, 250]);
  });

  it('shrinks what is larger than a working copy, and crops by the points of the stored image', async () => {
    const [width, height] = [9000, 90];
    const data = new Uint8Array(3 * width * height);
    for (let i = 0; i < data.length; i += 3) data[i] = ((i / 3) % width) / 40;
    const image = await decodeImage(await raw(data, width, height).png({ compressionLevel: 1 }).toBuffer(), 3);
    expect([image.width, image.height, image.pixels.width, image.pixels.height]).toEqual([9000, 90, 8192, 81]);
    const face = ARCFACE_TEMPLATE.map(([x, y]): Point => [x / 2 + 4400, y / 2 + 20]) as unknown as FivePoints;
    const crop = cropFace(image, face, ARCFACE_CROP);
    // The red ramp at the crop's middle: half of 112 crop pixels are 28 of the image's.
    expect(Math.abs((crop[3 * (56 * 112 + 56)] ?? 0) - 4428.25 / 40)).toBeLessThan(1);
  });

  it('refuses an image of more pixels than memory allows, by its header alone', async () => {
    const chunk = (type: string, content: readonly number[]): Buffer => {
      const body = Buffer.concat([Buffer.from(type, 'latin1'), Buffer.from(content)]);
      const ends = Buffer.alloc(8);
      ends.writeUInt32BE(content.length, 0);
      ends.writeUInt32BE(crc32(body), 4);
      return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
    };
    // 16,384 x 16,384 pixels of 8-bit RGB, and no more than a header.
    const header = chunk('IHDR', [0, 0, 0x40, 0, 0, 0, 0x40, 0, 8, 2, 0, 0, 0]);
    const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const huge = Buffer.concat([signature, header, chunk('IDAT', []), chunk('IEND', [])]);
    await expect(decodeImage(huge, 3)).rejects.toThrow(InvalidInputError);
    await expect(decodeImage(huge, 3)).rejects.toThrow(/268402689 pixels/);
  });

  it('refuses bytes that are no image', async () => {
    await expect(decodeImage(Uint8Array.of(1, 2, 3), 3)).rejects.toThrow(InvalidInputError);
  });
});

describe('writeInput', () => {
  it('writes planes in [-1, 1], mirrored when asked', () => {
    const crop = new Uint8Array(112 * 112 * 3);
    crop.set([0, 51, 255], 0);
    const out = new Float32Array(3 * 112 * 112 + 5);
    writeInput(crop, true, out, 5);
    const at = 5 + 111;
    expect([out[at], out[at + 12544], out[at + 25088]]).toEqual([-1, Math.fround(-0.6), 1]);
    expect(out[5]).toBe(-1);
  });
});
