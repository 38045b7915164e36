import {
  ARCFACE_TEMPLATE,
  applySimilarity,
  CROP_LENGTH,
  CROP_SIZE,
  cropSampling,
  cropTransform,
  type FivePoints,
  InvalidInputError,
  invertSimilarity,
  type Point,
  type Similarity,
  workingSize,
} from '@swinface/geometry';
import { cutCrop, type Raster, warpPixels } from '@swinface/geometry/warp';
import { expectAllClose, noise, pixelAt } from '@swinface/testing';
import { describe, expect, it } from 'vitest';

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
function bilinear(image: Raster, x: number, y: number, channel: number): number {
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

  it('shifts by whole pixels, and mirrors the picture outside', () => {
    const image = noise(60, 80);
    const warped = warpPixels(image, [{ a: 1, b: 0, tx: 20, ty: -7 }]);
    expectAllClose(
      warped,
      crop((i, j, c) => pixelAt(image, i - 20, j + 7, c)),
      EXACT,
    );
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

  it('takes the mean of the pixels that a block has at the edge, and mirrors blocks beyond', () => {
    const image = noise(302, 301, 8);
    const warped = warpPixels(image, [{ a: 1 / 4, b: 0, tx: 0, ty: 0 }]);
    // 302 = 75 blocks of 4 and two pixels; 301 = 75 blocks of 4 and one.
    const mean = (i: number, j: number, c: number): number => {
      const [block, other] = [Math.min(i, 151 - i), Math.min(j, 151 - j)];
      let [sum, count] = [0, 0];
      for (let y = 4 * other; y < Math.min(301, 4 * other + 4); y++) {
        for (let x = 4 * block; x < Math.min(302, 4 * block + 4); x++, count++) sum += pixelAt(image, x, y, c);
      }
      return sum / count;
    };
    expectAllClose(warped, crop(mean), EXACT);
  });

  it('goes on mirroring for a face beside the picture', () => {
    const image = noise(50, 40);
    const warped = warpPixels(image, [
      { a: 1, b: 0, tx: -5000, ty: 90_000 },
      { a: 1, b: 0, tx: 30, ty: -4_000_000_000 },
    ]);
    expectAllClose(
      warped.subarray(0, CROP_LENGTH),
      crop((i, j, c) => pixelAt(image, i + 5000, j - 90_000, c)),
      EXACT,
    );
    // 4e9 is a whole number of turns: 80 rows there and back.
    expectAllClose(
      warped.subarray(CROP_LENGTH),
      crop((i, j, c) => pixelAt(image, i - 30, j, c)),
      EXACT,
    );
  });

  it.each([3, 1] as const)('gives for pictures of %d bytes a pixel what it gives for RGBA', (bytes) => {
    const image = noise(300, 180, 12);
    const data = new Uint8Array(bytes * 300 * 180);
    const grey = bytes === 1;
    for (let i = 0; i < data.length; i++) data[i] = image.data[4 * Math.floor(i / bytes) + (i % bytes)] as number;
    const rgba = grey ? image.data.map((v, i) => (i % 4 === 3 ? v : (image.data[i - (i % 4)] as number))) : image.data;
    const transforms = [
      { a: 0.3, b: 0.1, tx: 20, ty: 5 },
      { a: 1.7, b: -0.4, tx: -120, ty: 30 },
    ];
    const same = warpPixels({ data, width: 300, height: 180 }, transforms);
    expectAllClose(same, warpPixels({ ...image, data: rgba }, transforms), { atol: 0, rtol: 0 });
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
    expect(() => warpPixels({ ...image, data: image.data.subarray(0, 200) }, [])).toThrow(/4, 3 or 1 bytes/);
    expect(() => warpPixels(image, [{ a: 0, b: 0, tx: 0, ty: 0 }])).toThrow(InvalidInputError);
    expect(() => warpPixels(image, [{ a: 1, b: 0, tx: Number.NaN, ty: 0 }])).toThrow(InvalidInputError);
  });
});

describe('cutCrop', () => {
  it('rounds the crop of warpPixels to bytes, RGB or grey as the picture is', () => {
    const image = noise(300, 200, 4);
    const transform: Similarity = { a: 0.4, b: 0.05, tx: -3, ty: 12 };
    const exact = warpPixels(image, [transform]);
    const bytes = cutCrop(image, cropSampling(transform), CROP_SIZE);
    expect(bytes).toHaveLength(CROP_LENGTH);
    const planes = Float32Array.from(
      bytes,
      (_, i) => (bytes[3 * (i % CROP_SIZE ** 2) + Math.floor(i / CROP_SIZE ** 2)] ?? 0) / 127.5 - 1,
    );
    // Half a byte, and float32.
    expectAllClose(planes, exact, { atol: 0.5 / 127.5 + 1e-6, rtol: 0 });
    const grey = {
      data: Uint8Array.from({ length: 300 * 200 }, (_, i) => image.data[4 * i] as number),
      width: 300,
      height: 200,
    };
    expect(cutCrop(grey, cropSampling(transform), CROP_SIZE)).toEqual(bytes.filter((_, i) => i % 3 === 0));
  });

  it('shows more around the face where its side is larger, the same pixels in the middle', () => {
    const image = noise(400, 400, 6);
    const points = ARCFACE_TEMPLATE.map(([x, y]): Point => [x + 140.3, y + 120.8]) as unknown as FivePoints;
    const small = cutCrop(image, cropSampling(cropTransform(points)), 112);
    const large = cutCrop(image, cropSampling(cropTransform(points, 1, 144)), 144);
    for (const [i, j] of [
      [0, 0],
      [5, 111],
      [111, 0],
      [60, 70],
    ] as const) {
      const middle = 3 * ((j + 16) * 144 + i + 16);
      expect([...large.subarray(middle, middle + 3)]).toEqual([
        ...small.subarray(3 * (j * 112 + i), 3 * (j * 112 + i) + 3),
      ]);
    }
  });

  it('reads the same crop from a shrunk copy as from points in its own pixels', () => {
    const image = noise(400, 300, 6);
    const points: FivePoints = [
      [390, 300],
      [540, 306],
      [465, 400],
      [405, 480],
      [532, 486],
    ];
    const own = points.map(([x, y]): Point => [x / 3, y / 3]) as unknown as FivePoints;
    expect(cutCrop(image, cropSampling(cropTransform(points), 1 / 3, 1 / 3), 112)).toEqual(
      cutCrop(image, cropSampling(cropTransform(own)), 112),
    );
  });
});

describe('the pixel convention', () => {
  it('puts the published template on the centres of pixels', () => {
    // A face whose points are the template shifted by whole pixels is copied, not resampled.
    const image = noise(112, 112, 2);
    expect(cutCrop(image, cropSampling(cropTransform(ARCFACE_TEMPLATE)), 112)).toEqual(
      Uint8Array.from({ length: 3 * 112 * 112 }, (_, i) => image.data[4 * Math.floor(i / 3) + (i % 3)] as number),
    );
    // ArcFace's own numbers name pixels by their index: (38.2946, 51.6963) lies 0.2946 beyond the centre of pixel 38.
    expect(ARCFACE_TEMPLATE[0]).toEqual([38.7946, 52.1963]);
  });

  it('reads a pixel at its centre: a spot comes out where its continuous coordinates say', () => {
    const [width, height] = [300, 260];
    const [x, y] = [141.37, 122.81];
    const data = Uint8Array.from({ length: width * height }, (_, i) => {
      const square = ((i % width) + 0.5 - x) ** 2 + (Math.floor(i / width) + 0.5 - y) ** 2;
      return Math.round(255 * Math.exp(-square / 128));
    });
    for (const transform of [
      { a: 1.31, b: 0.42, tx: -75, ty: -160 },
      { a: 0.52, b: -0.11, tx: -25, ty: 10 },
      { a: 0.31, b: 0.08, tx: 12, ty: 0 },
    ]) {
      const warped = warpPixels({ data, width, height }, [transform]);
      let [mass, cx, cy] = [0, 0, 0];
      for (let at = 0; at < CROP_SIZE ** 2; at++) {
        const light = (warped[at] ?? 0) + 1;
        mass += light;
        cx += light * ((at % CROP_SIZE) + 0.5);
        cy += light * (Math.floor(at / CROP_SIZE) + 0.5);
      }
      const [u, v] = applySimilarity(transform, [x, y]);
      // Bytes round the spot's tail; half a pixel, the usual mistake, is 25 times as much.
      expect(Math.abs(cx / mass - u)).toBeLessThan(0.02);
      expect(Math.abs(cy / mass - v)).toBeLessThan(0.02);
    }
  });
});

describe('workingSize', () => {
  it.each([
    [8192, 4000, 8192, 4000],
    [9000, 3000, 8192, 2730],
    [16383, 16383, 6324, 6324],
    [20000, 1, 8192, 1],
  ])('of %d x %d is %d x %d', (width, height, w, h) => {
    expect(workingSize(width, height)).toEqual([w, h]);
    expect(w * h).toBeLessThanOrEqual(40_000_000);
  });
});
