/**
 * Faults of pictures, drawn at random onto aligned crops: images [3, 112, 112] with values from 0 to 255, in place. All are so
 * strong that the embedding says more of the fault than of the person. Places are those of the ArcFace template: eyes at
 * (38, 52) and (74, 52), the nose's tip at (56, 72), the mouth's corners at (42, 92) and (71, 92).
 */
import { CROP_SIZE } from '@swinface/geometry';
import { boxBlur, lowerResolution } from '../data/filters.js';
import { compress } from '../data/jpeg.js';
import type { Random } from '../data/random.js';

const SIDE = CROP_SIZE;
const AREA = SIDE * SIDE;

/** Draws a fault onto an image [3, 112, 112] of values from 0 to 255. */
export type Degradation = (image: Float32Array, random: Random) => void;

/** Multiplied as CSS `brightness` does; what is left of the 256 levels is part of the fault, so rounded. */
const darken = (image: Float32Array, share: number): void => {
  for (let i = 0; i < image.length; i++) image[i] = Math.round((image[i] ?? 0) * share);
};

const overexpose: Degradation = (image, random) => {
  const [gain, offset] = [random.uniform(2.5, 6), random.uniform(20, 120)];
  for (let i = 0; i < image.length; i++) image[i] = (image[i] ?? 0) * gain + offset;
};

const noise: Degradation = (image, random) => {
  const sigma = random.uniform(45, 110);
  const grey = random.uniform() < 0.3;
  for (let i = 0; i < AREA; i++) {
    const shared = random.normal();
    for (let c = 0; c < 3; c++) {
      const at = c * AREA + i;
      image[at] = (image[at] ?? 0) + sigma * (grey ? shared : random.normal());
    }
  }
};

const strongBlur: Degradation = (image, random) => {
  // Standard deviations of 3.5 to 7.5 pixels: a tenth to a fifth of the distance between the eyes.
  const radius = 3 + random.integer(5);
  for (let pass = 0; pass < 3; pass++) boxBlur(image, radius);
};

/** Paints where `covers` says, in one colour that fades from top to bottom and has some grain. */
function paint(image: Float32Array, random: Random, dark: boolean, covers: (x: number, y: number) => boolean): void {
  const grey = random.uniform() < 0.5 ? random.uniform(0, dark ? 50 : 255) : undefined;
  const colour = [0, 1, 2].map(() => grey ?? random.uniform(0, dark ? 80 : 255));
  const [fade, grain] = [random.uniform(-0.5, 0.5), random.uniform(0, 12)];
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      if (!covers(x, y)) continue;
      const shade = 1 + fade * (y / SIDE - 0.5);
      const speck = grain * random.normal();
      for (const [c, value] of colour.entries()) image[c * AREA + y * SIDE + x] = value * shade + speck;
    }
  }
}

/** From the bridge of the nose or below it to beneath the chin, narrower there. */
const mask: Degradation = (image, random) => {
  const [top, peak] = [random.uniform(62, 76), random.uniform(0, 10)];
  const [left, right] = [random.uniform(8, 24), random.uniform(88, 104)];
  const narrowing = random.uniform(0, 0.5);
  paint(image, random, false, (x, y) => {
    const middle = 1 - Math.abs(x - 56) / 48;
    const drawnIn = narrowing * Math.max(0, y - 80);
    return y > top - peak * middle && x > left + drawnIn && x < right - drawnIn;
  });
};

/** Two ellipses, or boxes, over the eyes and the bridge between them. */
const sunglasses: Degradation = (image, random) => {
  const [width, height] = [random.uniform(14, 20), random.uniform(9, 15)];
  const [y0, power] = [random.uniform(50, 56), random.uniform(2, 5)];
  const bridge = random.uniform(1, 3);
  const turn = random.uniform(-2, 2);
  paint(image, random, true, (x, y) => {
    const height0 = y0 + (turn * (x - 56)) / 20;
    const lens = (eye: number) => (Math.abs(x - eye) / width) ** power + (Math.abs(y - height0) / height) ** power < 1;
    const isBridge = Math.abs(y - height0 + 3) < bridge && x > 4 && x < 108;
    return lens(38) || lens(74) || isBridge;
  });
};

/** A box, an ellipse or a half-plane somewhere over the middle of the face. */
const covering: Degradation = (image, random) => {
  const kind = random.integer(3);
  const [x0, y0] = [random.uniform(36, 76), random.uniform(40, 90)];
  const [width, height] = [random.uniform(22, 45), random.uniform(22, 45)];
  const angle = random.uniform(0, 2 * Math.PI);
  const edge = random.uniform(-4, 12);
  paint(image, random, false, (x, y) => {
    const [dx, dy] = [x - x0, y - y0];
    if (kind === 0) return Math.abs(dx) < width && Math.abs(dy) < height;
    if (kind === 1) return (dx / width) ** 2 + (dy / height) ** 2 < 1;
    return (x - 56) * Math.cos(angle) + (y - 70) * Math.sin(angle) > edge;
  });
};

/** What a locator may take for a face: the picture's own tiles out of order, or waves and noise of any colour. */
const noFace: Degradation = (image, random) => {
  if (random.uniform() < 0.5) return shuffleTiles(image, random);
  const coarse = 2 + random.integer(9);
  const grain = random.uniform(0, 40);
  for (let c = 0; c < 3; c++) {
    const middle = random.uniform(20, 235);
    const waves = [0, 1, 2].map(() => ({
      u: random.uniform(-coarse, coarse) / SIDE,
      v: random.uniform(-coarse, coarse) / SIDE,
      phase: random.uniform(0, 2 * Math.PI),
      height: random.uniform(0, 80),
    }));
    for (let i = 0; i < AREA; i++) {
      let value = middle + grain * random.normal();
      for (const { u, v, phase, height } of waves) {
        value += height * Math.sin(2 * Math.PI * (u * (i % SIDE) + v * Math.floor(i / SIDE)) + phase);
      }
      image[c * AREA + i] = value;
    }
  }
};

function shuffleTiles(image: Float32Array, random: Random): void {
  const count = random.uniform() < 0.5 ? 4 : 8;
  const size = SIDE / count;
  const from = image.slice();
  for (const [to, source] of random.permutation(count * count).entries()) {
    const [x1, y1] = [(to % count) * size, Math.floor(to / count) * size];
    const [x0, y0] = [(source % count) * size, Math.floor(source / count) * size];
    for (let c = 0; c < 3; c++) {
      for (let row = 0; row < size; row++) {
        const start = c * AREA + (y0 + row) * SIDE + x0;
        image.set(from.subarray(start, start + size), c * AREA + (y1 + row) * SIDE + x1);
      }
    }
  }
}

/** Along a line of 25 to 45 pixels in any direction. */
const motionBlur: Degradation = (image, random) => {
  const [angle, length] = [random.uniform(0, Math.PI), random.uniform(25, 45)];
  const from = image.slice();
  const inside = (v: number) => Math.max(0, Math.min(SIDE - 1, v));
  const steps = Array.from({ length: Math.ceil(length) }, (_, i) => i - length / 2);
  const offsets = steps.map((t) => [Math.round(t * Math.cos(angle)), Math.round(t * Math.sin(angle))] as const);
  for (let i = 0; i < image.length; i++) {
    const [plane, x, y] = [i - (i % AREA), i % SIDE, Math.floor((i % AREA) / SIDE)];
    let sum = 0;
    for (const [dx, dy] of offsets) sum += from[plane + inside(y + dy) * SIDE + inside(x + dx)] ?? 0;
    image[i] = sum / offsets.length;
  }
};

/** Bars across the face, as of a blind or a fence. */
const bars: Degradation = (image, random) => {
  const [angle, period] = [random.uniform(0, Math.PI), random.uniform(8, 24)];
  paint(image, random, false, (x, y) => {
    const phase = (x * Math.cos(angle) + y * Math.sin(angle)) / period;
    return phase - Math.floor(phase) < 0.55;
  });
};

/** The faults that the score is fitted to. */
export const LEARNT = {
  dark: (image, random) => darken(image, random.uniform(0.03, 0.12)),
  overexposed: overexpose,
  noise,
  blur: strongBlur,
  tiny: (image, random) => lowerResolution(image, 10 + random.integer(19)),
  mask,
  sunglasses,
  'mask and sunglasses': (image, random) => {
    mask(image, random);
    sunglasses(image, random);
  },
  covering,
  'no face': noFace,
} as const satisfies Readonly<Record<string, Degradation>>;

/** What the score is measured on besides: two of the learnt faults at one strength, and faults that it was not fitted to. */
export const MEASURED_BESIDES = {
  'brightness 6 %': (image) => darken(image, 0.06),
  '20 pixels': (image) => lowerResolution(image, 20),
  'motion blur (not learnt)': motionBlur,
  'bars (not learnt)': bars,
  'compression (not learnt)': (image) => compress(image, 2),
} as const satisfies Readonly<Record<string, Degradation>>;
