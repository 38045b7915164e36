import { applySimilarity, CROP_SIZE, cropTransform, invertSimilarity, type Similarity } from '@swinface/alignment';
import { CROP_LENGTH, type RgbaPixels, warpPixels } from '@swinface/alignment/warp';
import { InvalidInputError } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { describe, expect, it } from 'vitest';
import { noise, pixelAt } from '../support/pictures.js';

/** [3, 112, 112] of f(i, j, channel), given in 0..255. */
function crop(colour: (i: number, j: number, channel: number) => number): Float64Array {
  const values = new Float64Array(CROP_LENGTH);
  for (let at = 0; at < CROP_LENGTH; at++) {
    const [i, j] = [at % CROP_SIZE, Math.floor(at / CROP_SIZE) % CROP_SIZE];
    values[at] = (colour(i, j, Math.floor(at / CROP_SIZE ** 2)) / 255 - 0.5) / 0.5;
  }
  return values;
}

/** Bilinear between pixel centres, straight from its definition. */
function bilinear(image: RgbaPixels, x: number, y: number, channel: number): number {
  let sum = 0;
  for (let row = Math.floor(y - 0.5); row <= Math.floor(y - 0.5) + 1; row++) {
    for (let column = Math.floor(x - 0.5); column <= Math.floor(x - 0.5) + 1; column++) {
      const weight = Math.max(0, 1 - Math.abs(x - 0.5 - column)) * Math.max(0, 1 - Math.abs(y - 0.5 - row));
      sum += weight * pixelAt(image, column, row, channel);
    }
  }
  return sum;
}

// Float32 results of values in [-1, 1], from sums of four float32 products.
const EXACT = { atol: 1e-6, rtol: 0 };

describe('warpPixels', () => {
  it('copies a 112 picture under the identity', () => {
    const image = noise(112, 112);
    const warped = warpPixels(image, [{ a: 1, b: 0, tx: 0, ty: 0 }]);
    expectAllClose(
      warped,
      crop((i, j, c) => pixelAt(image, i, j, c)),
      EXACT,
    );
  });

  it('shifts by whole pixels, and is black outside', () => {
    const image = noise(60, 80);
    const warped = warpPixels(image, [{ a: 1, b: 0, tx: 20, ty: -7 }]);
    expectAllClose(
      warped,
      crop((i, j, c) => pixelAt(image, i - 20, j + 7, c)),
      EXACT,
    );
    expect(warped[0]).toBe(-1);
  });

  it('shifts by half pixels as the mean of neighbours', () => {
    const image = noise(130, 130);
    const warped = warpPixels(image, [{ a: 1, b: 0, tx: 0.5, ty: 0 }]);
    expectAllClose(
      warped,
      crop((i, j, c) => (pixelAt(image, i - 1, j, c) + pixelAt(image, i, j, c)) / 2),
      EXACT,
    );
  });

  it('turns by 90 degrees', () => {
    const image = noise(112, 112);
    // (x, y) -> (112 - y, x): the top left pixel goes to the top right.
    const warped = warpPixels(image, [{ a: 0, b: 1, tx: 112, ty: 0 }]);
    expectAllClose(
      warped,
      crop((i, j, c) => pixelAt(image, j, 111 - i, c)),
      EXACT,
    );
  });

  it.each([
    ['enlarges and turns', { a: 2.1, b: 0.8, tx: -30, ty: 10 }],
    ['barely shrinks', { a: 0.7, b: -0.1, tx: 12, ty: 20 }],
  ])('%s bilinearly', (_, transform) => {
    const image = noise(90, 70, 3);
    const back = invertSimilarity(transform);
    const warped = warpPixels(image, [transform]);
    expectAllClose(
      warped,
      crop((i, j, c) => bilinear(image, ...applySimilarity(back, [i + 0.5, j + 0.5]), c)),
      // Positions are float64 on both sides; only float32 rounding of the sums is left.
      EXACT,
    );
  });

  it('shrinks by a whole number as the mean of each block', () => {
    const image = noise(560, 560, 5);
    const warped = warpPixels(image, [{ a: 1 / 5, b: 0, tx: 0, ty: 0 }]);
    const mean = (i: number, j: number, c: number): number => {
      let sum = 0;
      for (let y = 0; y < 5; y++) for (let x = 0; x < 5; x++) sum += pixelAt(image, 5 * i + x, 5 * j + y, c);
      return sum / 25;
    };
    expectAllClose(warped, crop(mean), EXACT);
  });

  it('does not alias where it shrinks: stripes of one pixel become grey', () => {
    const data = new Uint8ClampedArray(4 * 800 * 800);
    for (let i = 0; i < 800 * 800; i++) data.fill(i % 2 ? 255 : 0, 4 * i, 4 * i + 4);
    const warped = warpPixels({ data, width: 800, height: 800 }, [{ a: 0.14, b: 0.02, tx: 20, ty: 5 }]);
    let worst = 0;
    // Away from the border: blocks of 7 pixels hold 3 or 4 white ones, and bilinear mixes neighbours.
    for (let j = 50; j < 70; j++) {
      for (let i = 50; i < 70; i++) worst = Math.max(worst, Math.abs(warped[j * CROP_SIZE + i] ?? 1));
    }
    expect(worst).toBeLessThan(0.15);
  });

  it('keeps to the area mean of a smooth picture when it shrinks and turns', () => {
    const [width, height] = [900, 700];
    const data = new Uint8ClampedArray(4 * width * height);
    const colour = (x: number, y: number): number => 127.5 + 100 * Math.sin(x / 60) * Math.cos(y / 45);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++)
        data.fill(Math.round(colour(x + 0.5, y + 0.5)), 4 * (y * width + x), 4 * (y * width + x) + 4);
    }
    const transform: Similarity = { a: 0.15, b: 0.04, tx: 10, ty: -14 };
    const back = invertSimilarity(transform);
    const warped = warpPixels({ data, width, height }, [transform]);
    for (let j = 20; j < 90; j += 7) {
      for (let i = 20; i < 90; i += 7) {
        let sum = 0;
        for (let v = 0; v < 8; v++) {
          for (let u = 0; u < 8; u++) sum += colour(...applySimilarity(back, [i + (u + 0.5) / 8, j + (v + 0.5) / 8]));
        }
        // Two bytes of 255: rounding of the bytes, and the bilinear kernel being wider than a pixel.
        expect(Math.abs((warped[j * CROP_SIZE + i] ?? 0) - (sum / 64 / 127.5 - 1))).toBeLessThan(0.03);
      }
    }
  });

  it('counts what lies outside as black when it shrinks', () => {
    const data = new Uint8ClampedArray(4 * 301 * 301).fill(255);
    const warped = warpPixels({ data, width: 301, height: 301 }, [{ a: 1 / 4, b: 0, tx: 0, ty: 0 }]);
    // 301 = 75 blocks of 4 and one pixel: block 75 is a quarter white in x.
    expect(warped[10 * CROP_SIZE + 74]).toBeCloseTo(1, 6);
    expect(warped[10 * CROP_SIZE + 75]).toBeCloseTo(0.25 * 2 - 1, 6);
    expect(warped[10 * CROP_SIZE + 76]).toBe(-1);
  });

  it('is all black for a face beside the picture', () => {
    const warped = warpPixels(noise(50, 50), [
      { a: 1, b: 0, tx: 5000, ty: 0 },
      { a: 1, b: 0, tx: -5000, ty: -5000 },
    ]);
    expect(warped.every((value) => value === -1)).toBe(true);
    expect(warped).toHaveLength(2 * CROP_LENGTH);
  });

  it('puts the points of a face on the template', () => {
    const points = [
      [210, 240],
      [330, 250],
      [268, 310],
      [216, 372],
      [318, 380],
    ] as const;
    const { data, width, height } = { data: new Uint8ClampedArray(4 * 600 * 600), width: 600, height: 600 };
    const [x, y] = points[2];
    for (let v = -8; v < 8; v++)
      for (let u = -8; u < 8; u++) data.fill(255, 4 * ((y + v) * 600 + x + u), 4 * ((y + v) * 600 + x + u) + 4);
    const transform = cropTransform(points);
    const warped = warpPixels({ data, width, height }, [transform]);
    let [sum, cx, cy] = [0, 0, 0];
    for (let at = 0; at < CROP_SIZE ** 2; at++) {
      const weight = (warped[at] ?? 0) + 1;
      sum += weight;
      cx += weight * ((at % CROP_SIZE) + 0.5);
      cy += weight * (Math.floor(at / CROP_SIZE) + 0.5);
    }
    const [tx, ty] = applySimilarity(transform, [x, y]);
    // The centre of gravity of the white square: sampling moves it by a few hundredths of a pixel.
    expect(cx / sum).toBeCloseTo(tx, 1);
    expect(cy / sum).toBeCloseTo(ty, 1);
  });

  it('refuses pixels that do not fit their size, and transforms without inverse', () => {
    const image = noise(10, 10);
    expect(() => warpPixels({ ...image, width: 11 }, [])).toThrow(InvalidInputError);
    expect(() => warpPixels({ data: new Uint8Array(0), width: 0, height: 0 }, [])).toThrow(InvalidInputError);
    expect(() => warpPixels(image, [{ a: 0, b: 0, tx: 0, ty: 0 }])).toThrow(InvalidInputError);
    expect(() => warpPixels(image, [{ a: 1, b: 0, tx: Number.NaN, ty: 0 }])).toThrow(InvalidInputError);
  });
});
