import { CROP_SIZE, type Point } from '@swinface/geometry';
import type { CropGeometry } from './crop.js';
import { blur, lowerResolution } from './filters.js';
import { compress } from './jpeg.js';
import type { Random } from './random.js';

/** How a face is varied in training; probabilities in 0 .. 1. */
export interface Augmentation {
  /** Range of the zoom about the crop's centre: 1 is the ArcFace crop, below 1 shows more around the face. */
  readonly zoom: readonly [low: number, high: number];
  /** Probability that left and right are mirrored. */
  readonly flip: number;
  /** Standard deviation of the rotation in degrees. */
  readonly rotation: number;
  /** Largest shift along each axis in pixels of the 112 x 112 input. */
  readonly shift: number;
  /** Strength of changes of brightness, contrast, saturation and white balance: 0 none, 1 strong. */
  readonly colour: number;
  /** Probability that colour is taken away. */
  readonly grey: number;
  /** Probability of one distortion: blur, low resolution, sharpening, noise, few grey levels, JPEG, gamma. */
  readonly distort: number;
  /** Probability that what surrounds the face is covered, so that no data set is known by its borders. */
  readonly border: number;
  /** Probability of Random Erasing (arXiv:1708.04896). */
  readonly erase: number;
}

/** No variation at all: the ArcFace crop as it is. */
export const NO_AUGMENTATION: Augmentation = Object.freeze<Augmentation>({
  zoom: [1, 1],
  flip: 0,
  rotation: 0,
  shift: 0,
  colour: 0,
  grey: 0,
  distort: 0,
  border: 0,
  erase: 0,
});

/** What training uses unless a recipe says otherwise. */
export const STANDARD_AUGMENTATION: Augmentation = Object.freeze<Augmentation>({
  zoom: [0.88, 1.1],
  flip: 0.5,
  rotation: 5,
  shift: 4,
  colour: 0.6,
  grey: 0.15,
  distort: 0.35,
  border: 0.3,
  erase: 0.25,
});

const SIDE = CROP_SIZE;
const AREA = SIDE * SIDE;
const CENTRE = SIDE / 2;

/** How a crop's pixels lie in the network's input: turned, scaled, shifted, mirrored. */
export interface Placement {
  /** Crop pixels per input pixel, times the cosine and the sine of the turn. */
  readonly cos: number;
  readonly sin: number;
  readonly shiftX: number;
  readonly shiftY: number;
  /** -1 where left and right are exchanged, else 1. */
  readonly mirror: number;
  /** Middle of the crop in its pixels: half its side. */
  readonly middle: number;
}

function drawPlacement({ side, scale }: CropGeometry, options: Augmentation, random: Random): Placement {
  const [low, high] = options.zoom;
  const zoom = low * (high / low) ** random.uniform();
  const angle = (options.rotation * random.normal() * Math.PI) / 180;
  const shiftX = random.uniform(-options.shift, options.shift);
  const shiftY = random.uniform(-options.shift, options.shift);
  const mirror = random.uniform() < options.flip ? -1 : 1;
  const cos = (Math.cos(angle) * scale) / zoom;
  const sin = (Math.sin(angle) * scale) / zoom;
  return { cos, sin, shiftX, shiftY, mirror, middle: side / 2 };
}

/** A point of the crop in the pixels of the network's input. */
export function placePoint([x, y]: Point, { cos, sin, shiftX, shiftY, mirror, middle }: Placement): Point {
  const [dx, dy] = [x - middle, y - middle];
  const square = cos * cos + sin * sin;
  const u = (cos * dx + sin * dy) / square;
  const v = (cos * dy - sin * dx) / square;
  return [u * mirror + CENTRE + shiftX, v + CENTRE + shiftY];
}

/** Varies cached crops into network input; keeps scratch memory between calls. */
export class Augmenter {
  private readonly table = new Float32Array(256);

  /**
   * Draws one variation of a crop.
   *
   * @param crop [side, side, C] as in `geometry`.
   * @param image receives RGB [3, 112, 112] in [-1, 1].
   * @returns where the crop's pixels went
   */
  apply(
    crop: Uint8Array,
    geometry: CropGeometry,
    options: Augmentation,
    random: Random,
    image: Float32Array,
  ): Placement {
    const placement = drawPlacement(geometry, options, random);
    this.resample(crop, geometry, placement, image);
    if (random.uniform() < options.border) coverBorder(image, random);
    if (options.colour > 0) shiftColour(image, options.colour, random);
    if (random.uniform() < options.distort) this.distort(image, random);
    if (random.uniform() < options.grey) desaturate(image);
    for (let i = 0; i < image.length; i++) {
      const v = image[i] ?? 0;
      image[i] = (Math.max(0, Math.min(255, v)) - 127.5) / 127.5;
    }
    if (random.uniform() < options.erase) erase(image, random);
    return placement;
  }

  /** One bilinear affine resampling: zoom, rotation, shift and flip at once. */
  private resample(
    crop: Uint8Array,
    { side, channels }: CropGeometry,
    { cos, sin, shiftX, shiftY, mirror, middle }: Placement,
    image: Float32Array,
  ): void {
    const limit = side - 1;
    for (let row = 0; row < SIDE; row++) {
      const v = row + 0.5 - CENTRE - shiftY;
      for (let col = 0; col < SIDE; col++) {
        const u = (col + 0.5 - CENTRE - shiftX) * mirror;
        // Counted from the first pixel's centre; beyond the crop its edge repeats.
        const x = Math.max(0, Math.min(limit, cos * u - sin * v + middle - 0.5));
        const y = Math.max(0, Math.min(limit, sin * u + cos * v + middle - 0.5));
        const x0 = x >= limit ? limit - 1 : x | 0;
        const y0 = y >= limit ? limit - 1 : y | 0;
        const dx = x - x0;
        const dy = y - y0;
        const w00 = (1 - dx) * (1 - dy);
        const w01 = dx * (1 - dy);
        const w10 = (1 - dx) * dy;
        const w11 = dx * dy;
        const at = (y0 * side + x0) * channels;
        const below = at + side * channels;
        const to = row * SIDE + col;
        for (let c = 0; c < channels; c++) {
          image[to + c * AREA] =
            w00 * (crop[at + c] ?? 0) +
            w01 * (crop[at + channels + c] ?? 0) +
            w10 * (crop[below + c] ?? 0) +
            w11 * (crop[below + channels + c] ?? 0);
        }
      }
    }
    if (channels === 1) {
      image.copyWithin(AREA, 0, AREA);
      image.copyWithin(2 * AREA, 0, AREA);
    }
  }

  private distort(image: Float32Array, random: Random): void {
    const kind = random.integer(9);
    if (kind <= 1) {
      for (let pass = 1 + random.integer(3); pass > 0; pass--) blur(image);
    } else if (kind <= 3) {
      lowerResolution(image, 20 + random.integer(45));
    } else if (kind === 4) {
      sharpen(image, random.uniform(0.3, 1.5));
    } else if (kind === 5) {
      const sigma = random.uniform(3, 16);
      // The sum of four uniform bytes is normal enough for noise: mean 510, standard deviation 147.8.
      for (let i = 0; i < image.length; i++) {
        const r = random.uint32();
        const sum = (r & 255) + ((r >>> 8) & 255) + ((r >>> 16) & 255) + (r >>> 24);
        image[i] = (image[i] ?? 0) + ((sum - 510) / 147.8) * sigma;
      }
    } else if (kind === 6) {
      const step = 256 / (4 << random.integer(4));
      for (let i = 0; i < image.length; i++) image[i] = (Math.floor((image[i] ?? 0) / step) + 0.5) * step;
    } else if (kind === 7) {
      compress(image, 8 + random.integer(50));
    } else {
      const gamma = 2.2 ** random.uniform(-0.7, 0.7);
      for (let v = 0; v < 256; v++) this.table[v] = 255 * (v / 255) ** gamma;
      for (let i = 0; i < image.length; i++) {
        image[i] = this.table[Math.max(0, Math.min(255, Math.round(image[i] ?? 0)))] ?? 0;
      }
    }
  }
}

function sharpen(image: Float32Array, amount: number): void {
  const original = image.slice();
  blur(image);
  for (let i = 0; i < image.length; i++) {
    const v = original[i] ?? 0;
    image[i] = v + amount * (v - (image[i] ?? 0));
  }
}

/** Brightness, contrast, saturation and white balance: one linear map of each pixel's colour. */
function shiftColour(image: Float32Array, strength: number, random: Random): void {
  const saturation = 1 + strength * random.uniform(-0.6, 0.6);
  const contrast = 1 + strength * random.uniform(-0.5, 0.5);
  const brightness = strength * random.uniform(-50, 50);
  const balance = [0, 0, 0].map(() => 1 + strength * random.uniform(-0.12, 0.12));
  const [red = 1, green = 1, blue = 1] = balance;
  const offset = 127.5 * (1 - contrast) + brightness;
  for (let i = 0; i < AREA; i++) {
    const r = image[i] ?? 0;
    const g = image[i + AREA] ?? 0;
    const b = image[i + 2 * AREA] ?? 0;
    const grey = 0.299 * r + 0.587 * g + 0.114 * b;
    image[i] = (grey + (r - grey) * saturation) * contrast * red + offset;
    image[i + AREA] = (grey + (g - grey) * saturation) * contrast * green + offset;
    image[i + 2 * AREA] = (grey + (b - grey) * saturation) * contrast * blue + offset;
  }
}

function desaturate(image: Float32Array): void {
  for (let i = 0; i < AREA; i++) {
    const grey = 0.299 * (image[i] ?? 0) + 0.587 * (image[i + AREA] ?? 0) + 0.114 * (image[i + 2 * AREA] ?? 0);
    image[i] = grey;
    image[i + AREA] = grey;
    image[i + 2 * AREA] = grey;
  }
}

/** Keeps a rectangle around the face and covers the rest with a colour, or with the rectangle's repeated or mirrored edge. */
function coverBorder(image: Float32Array, random: Random): void {
  const left = random.integer(14);
  const right = SIDE - 1 - random.integer(14);
  const top = random.integer(26);
  const bottom = SIDE - 1 - random.integer(12);
  const kind = random.integer(3);
  for (let plane = 0; plane < image.length; plane += AREA) {
    const colour = random.uniform(0, 255);
    for (let row = 0; row < SIDE; row++) {
      for (let col = 0; col < SIDE; col++) {
        const x = Math.max(left, Math.min(right, col));
        const y = Math.max(top, Math.min(bottom, row));
        if (x === col && y === row) continue;
        const source = kind === 1 ? y * SIDE + x : (2 * y - row) * SIDE + 2 * x - col;
        image[plane + row * SIDE + col] = kind === 0 ? colour : (image[plane + source] ?? 0);
      }
    }
  }
}

/** Random Erasing: a rectangle of 2 to 20 % of the area becomes noise. */
function erase(image: Float32Array, random: Random): void {
  const area = AREA * random.uniform(0.02, 0.2);
  const aspect = 3.3 ** random.uniform(-1, 1);
  const height = Math.min(SIDE, Math.round(Math.sqrt(area * aspect)));
  const width = Math.min(SIDE, Math.round(Math.sqrt(area / aspect)));
  const top = random.integer(SIDE - height + 1);
  const left = random.integer(SIDE - width + 1);
  for (let plane = 0; plane < image.length; plane += AREA) {
    for (let row = top; row < top + height; row++) {
      for (let col = left; col < left + width; col++) image[plane + row * SIDE + col] = random.uniform(-1, 1);
    }
  }
}
