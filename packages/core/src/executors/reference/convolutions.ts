import {
  type ConvolutionShape,
  type LinearWeights,
  pyramidBlocks,
  type SlidingWindow,
  windowedSides,
} from '../../ops.js';
import { at, generate, lastSide, type ReferenceTensor } from './tensor.js';

type R = ReferenceTensor;
type Sides = [number, number, number, number];

/** [B, C, H, W] -> [B, H*W, C] */
export function imageTokens(image: R): R {
  const [faces, channels, height, width] = image.shape as Sides;
  const area = height * width;
  return generate([faces, area, channels], (index) => {
    const c = index % channels;
    const token = Math.floor(index / channels) % area;
    const face = Math.floor(index / channels / area);
    return at(image, (face * channels + c) * area + token);
  });
}

/** Calls `visit` with every token inside the map that output token `token` reads, and the place in the window. */
function visitWindow(
  window: SlidingWindow,
  token: number,
  visit: (from: number, ky: number, kx: number) => void,
): void {
  const { sides, kernel, stride, padding } = window;
  const [, columns] = windowedSides(window);
  const top = Math.floor(token / columns) * stride - padding.top;
  const left = (token % columns) * stride - padding.left;
  for (let ky = 0; ky < kernel[0]; ky++) {
    for (let kx = 0; kx < kernel[1]; kx++) {
      const [row, column] = [top + ky, left + kx];
      if (row < 0 || row >= sides[0] || column < 0 || column >= sides[1]) continue;
      visit(row * sides[1] + column, ky, kx);
    }
  }
}

/** See `Ops.convolution`. */
export function convolution(x: R, { weight, bias }: LinearWeights<R>, shape: ConvolutionShape): R {
  const [faces, tokens, inputs] = x.shape as Sides;
  const [outputs, inputsPerGroup, kernelHeight, kernelWidth] = weight.shape as Sides;
  const [height, width] = windowedSides(shape);
  const outputsPerGroup = outputs / shape.groups;
  const taps = kernelHeight * kernelWidth;
  return generate([faces, height * width, outputs], (index) => {
    const o = index % outputs;
    const token = Math.floor(index / outputs) % (height * width);
    const face = Math.floor(index / outputs / height / width);
    const first = Math.floor(o / outputsPerGroup) * inputsPerGroup;
    let sum = bias ? at(bias, o) : 0;
    visitWindow(shape, token, (from, ky, kx) => {
      const pixel = (face * tokens + from) * inputs + first;
      const filter = o * inputsPerGroup * taps + ky * kernelWidth + kx;
      // The window's bounds are checked; `at` here would double the time of the larger networks' oracles.
      for (let i = 0; i < inputsPerGroup; i++)
        sum += (x.data[pixel + i] as number) * (weight.data[filter + i * taps] as number);
    });
    return sum;
  });
}

/** See `Ops.maxPool`. */
export function maxPool(x: R, window: SlidingWindow): R {
  const [faces, tokens, channels] = x.shape as Sides;
  const [height, width] = windowedSides(window);
  return generate([faces, height * width, channels], (index) => {
    const c = index % channels;
    const token = Math.floor(index / channels) % (height * width);
    const face = Math.floor(index / channels / height / width);
    let peak = Number.NEGATIVE_INFINITY;
    visitWindow(window, token, (from) => {
      peak = Math.max(peak, at(x, (face * tokens + from) * channels + c));
    });
    return peak;
  });
}

/** See `Ops.resizeBilinear`. */
export function resizeBilinear(x: R, from: readonly [number, number], to: readonly [number, number]): R {
  const [faces, tokens, channels] = x.shape as Sides;
  /** The two places that an output reads along one axis, and the weight of the second. */
  const taps = (i: number, source: number, target: number): readonly [number, number, number] => {
    const place = Math.max(0, ((i + 0.5) * source) / target - 0.5);
    const low = Math.min(Math.floor(place), source - 1);
    return [low, Math.min(low + 1, source - 1), place - low];
  };
  return generate([faces, to[0] * to[1], channels], (index) => {
    const c = index % channels;
    const token = Math.floor(index / channels) % (to[0] * to[1]);
    const face = Math.floor(index / channels / to[0] / to[1]);
    const [top, bottom, v] = taps(Math.floor(token / to[1]), from[0], to[0]);
    const [left, right, u] = taps(token % to[1], from[1], to[1]);
    const read = (row: number, column: number) => at(x, (face * tokens + row * from[1] + column) * channels + c);
    const upper = read(top, left) * (1 - u) + read(top, right) * u;
    const lower = read(bottom, left) * (1 - u) + read(bottom, right) * u;
    return upper * (1 - v) + lower * v;
  });
}

/** See `Ops.pyramidMax`. */
export function pyramidMax(x: R, [height, width]: readonly [number, number], levels: number): R {
  const [faces, tokens] = x.shape as Sides;
  const channels = lastSide(x);
  const blocks = pyramidBlocks([height, width], levels);
  const data = new Float64Array(faces * blocks.length * channels).fill(Number.NEGATIVE_INFINITY);
  for (let face = 0; face < faces; face++) {
    blocks.forEach(({ top, bottom, left, right }, b) => {
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          for (let c = 0; c < channels; c++) {
            const to = (face * blocks.length + b) * channels + c;
            const value = at(x, (face * tokens + row * width + column) * channels + c);
            data[to] = Math.max(data[to] ?? value, value);
          }
        }
      }
    });
  }
  return { shape: [faces, blocks.length * channels], data };
}
