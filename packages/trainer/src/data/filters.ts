/** Filters of planar images [C, 112, 112] with values from 0 to 255, in place: what augmentation and drawn faults share. */
import { CROP_SIZE } from '@swinface/geometry';

const SIDE = CROP_SIZE;
const AREA = SIDE * SIDE;

/** Binomial [1 2 1] / 4 along both axes; edges repeat. */
export function blur(image: Float32Array): void {
  const scratch = new Float32Array(AREA);
  for (let plane = 0; plane < image.length; plane += AREA) {
    for (let i = 0; i < AREA; i++) {
      const col = i % SIDE;
      const at = plane + i;
      const left = image[col > 0 ? at - 1 : at] ?? 0;
      const right = image[col < SIDE - 1 ? at + 1 : at] ?? 0;
      scratch[i] = (left + 2 * (image[at] ?? 0) + right) / 4;
    }
    for (let i = 0; i < AREA; i++) {
      const above = scratch[i >= SIDE ? i - SIDE : i] ?? 0;
      const below = scratch[i < AREA - SIDE ? i + SIDE : i] ?? 0;
      image[plane + i] = (above + 2 * (scratch[i] ?? 0) + below) / 4;
    }
  }
}

/** Averages down to n x n and enlarges again, as a small or distant face is. */
export function lowerResolution(image: Float32Array, n: number): void {
  const small = new Float32Array(n * n);
  const ratio = SIDE / n;
  for (let plane = 0; plane < image.length; plane += AREA) {
    for (let row = 0; row < n; row++) {
      const [top, bottom] = [Math.floor(row * ratio), Math.ceil((row + 1) * ratio)];
      for (let col = 0; col < n; col++) {
        const [left, right] = [Math.floor(col * ratio), Math.ceil((col + 1) * ratio)];
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += image[plane + y * SIDE + x] ?? 0;
        }
        small[row * n + col] = sum / ((bottom - top) * (right - left));
      }
    }
    for (let row = 0; row < SIDE; row++) {
      const y = Math.max(0, Math.min(n - 1, (row + 0.5) / ratio - 0.5));
      const y0 = Math.min(n - 2, y | 0);
      for (let col = 0; col < SIDE; col++) {
        const x = Math.max(0, Math.min(n - 1, (col + 0.5) / ratio - 0.5));
        const x0 = Math.min(n - 2, x | 0);
        const at = y0 * n + x0;
        const upper = (small[at] ?? 0) * (1 - x + x0) + (small[at + 1] ?? 0) * (x - x0);
        const lower = (small[at + n] ?? 0) * (1 - x + x0) + (small[at + n + 1] ?? 0) * (x - x0);
        image[plane + row * SIDE + col] = upper * (1 - y + y0) + lower * (y - y0);
      }
    }
  }
}

/** Mean over a square of 2 radius + 1 pixels; edges repeat. Three in a row come near to a Gaussian blur. */
export function boxBlur(image: Float32Array, radius: number): void {
  for (let plane = 0; plane < image.length; plane += AREA) {
    for (let line = 0; line < SIDE; line++) slidingMean(image, plane + line * SIDE, 1, radius);
    for (let line = 0; line < SIDE; line++) slidingMean(image, plane + line, SIDE, radius);
  }
}

function slidingMean(image: Float32Array, start: number, step: number, radius: number): void {
  const line = Float32Array.from({ length: SIDE }, (_, i) => image[start + i * step] ?? 0);
  const value = (i: number) => line[Math.max(0, Math.min(SIDE - 1, i))] ?? 0;
  let sum = 0;
  for (let i = -radius; i <= radius; i++) sum += value(i);
  for (let i = 0; i < SIDE; i++) {
    image[start + i * step] = sum / (2 * radius + 1);
    sum += value(i + radius + 1) - value(i - radius);
  }
}
