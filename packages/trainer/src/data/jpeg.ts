import { CROP_SIZE } from '@swinface/geometry';

const SIDE = CROP_SIZE;
const AREA = SIDE * SIDE;
const BLOCK = 8;

/** Quantization steps of ITU-T T.81, Annex K, for quality 50: luminance, chrominance. */
// biome-ignore format: one row of the block a line
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61,
  12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77,
  24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
// biome-ignore format: one row of the block a line
const CHROMINANCE = [
  17, 18, 24, 47, 99, 99, 99, 99,
  18, 21, 26, 66, 99, 99, 99, 99,
  24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
  99, 99, 99, 99, 99, 99, 99, 99,
];

/** Orthonormal DCT-II, [frequency, position]. */
const COSINES = Float64Array.from({ length: BLOCK * BLOCK }, (_, i) => {
  const [frequency, position] = [Math.floor(i / BLOCK), i % BLOCK];
  return Math.cos(((2 * position + 1) * frequency * Math.PI) / 16) * Math.sqrt((frequency === 0 ? 1 : 2) / BLOCK);
});

const block = new Float64Array(BLOCK * BLOCK);
const half = new Float64Array(BLOCK * BLOCK);

/** M X Mᵀ, or Mᵀ X M where `inverse`, of the block in place. */
function transform(inverse: boolean): void {
  const at = (row: number, column: number) => (inverse ? column * BLOCK + row : row * BLOCK + column);
  for (const [from, to] of [
    [block, half],
    [half, block],
  ] as const) {
    // Each pass works along the rows and leaves the block transposed.
    for (let row = 0; row < BLOCK; row++) {
      for (let k = 0; k < BLOCK; k++) {
        let sum = 0;
        for (let x = 0; x < BLOCK; x++) sum += (COSINES[at(k, x)] ?? 0) * (from[row * BLOCK + x] ?? 0);
        to[k * BLOCK + row] = sum;
      }
    }
  }
}

/**
 * What JPEG does to a picture, without the file: blocks of 8 x 8 lose the detail that the quantization of a quality
 * takes away, colour more than light.
 *
 * @param image RGB [3, 112, 112] in 0..255, changed in place
 * @param quality 1 to 99, as encoders count
 */
export function compress(image: Float32Array, quality: number): void {
  const scale = (quality < 50 ? 5000 / quality : 200 - 2 * quality) / 100;
  for (let i = 0; i < AREA; i++) {
    const [r, g, b] = [image[i] ?? 0, image[i + AREA] ?? 0, image[i + 2 * AREA] ?? 0];
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    // The encoder's level shift decides where the quantization's steps lie.
    image[i] = y - 128;
    image[i + AREA] = (b - y) * 0.564;
    image[i + 2 * AREA] = (r - y) * 0.713;
  }
  for (let plane = 0; plane < 3; plane++) {
    const steps = plane === 0 ? LUMINANCE : CHROMINANCE;
    for (let corner = 0; corner < AREA; corner += BLOCK) {
      if (Math.floor(corner / SIDE) % BLOCK !== 0) continue;
      const start = plane * AREA + corner;
      for (let i = 0; i < BLOCK * BLOCK; i++) block[i] = image[start + Math.floor(i / BLOCK) * SIDE + (i % BLOCK)] ?? 0;
      transform(false);
      for (let i = 0; i < BLOCK * BLOCK; i++) {
        const step = Math.min(255, Math.max(1, Math.round((steps[i] ?? 1) * scale)));
        block[i] = Math.round((block[i] ?? 0) / step) * step;
      }
      transform(true);
      for (let i = 0; i < BLOCK * BLOCK; i++) image[start + Math.floor(i / BLOCK) * SIDE + (i % BLOCK)] = block[i] ?? 0;
    }
  }
  for (let i = 0; i < AREA; i++) {
    const [y, cb, cr] = [(image[i] ?? 0) + 128, image[i + AREA] ?? 0, image[i + 2 * AREA] ?? 0];
    const [r, b] = [y + cr / 0.713, y + cb / 0.564];
    image[i] = r;
    image[i + AREA] = (y - 0.299 * r - 0.114 * b) / 0.587;
    image[i + 2 * AREA] = b;
  }
}
