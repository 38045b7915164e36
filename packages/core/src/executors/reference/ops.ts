import { at as item } from '../../at.js';
import {
  type ConvolutionShape,
  LAYER_NORM_EPSILON,
  type LayerNormWeights,
  type LinearWeights,
  type Ops,
  type SlidingWindow,
  type SqueezeExciteWeights,
  type WindowAttentionShape,
} from '../../ops.js';
import * as convolutions from './convolutions.js';
import { erf } from './erf.js';
import { SubnetOps } from './subnet-ops.js';
import { at, generate, lastSide, type ReferenceTensor } from './tensor.js';

type R = ReferenceTensor;
type Sides = [number, number, number, number, number];

/** The network in float64 by the definitions, element by element: the oracle that every other executor is tested against. */
export class ReferenceOps extends SubnetOps implements Ops<ReferenceTensor> {
  patchEmbed(image: R, { weight, bias }: LinearWeights<R>): R {
    const [faces, inputs, height, width] = image.shape as Sides;
    const [outputs, , patch] = weight.shape as Sides;
    const rows = height / patch;
    const columns = width / patch;
    return generate([faces, rows * columns, outputs], (index) => {
      const o = index % outputs;
      const token = Math.floor(index / outputs) % (rows * columns);
      const face = Math.floor(index / outputs / rows / columns);
      const top = Math.floor(token / columns) * patch;
      const left = (token % columns) * patch;
      let sum = bias ? at(bias, o) : 0;
      for (let c = 0; c < inputs; c++) {
        for (let y = 0; y < patch; y++) {
          for (let x = 0; x < patch; x++) {
            const pixel = at(image, ((face * inputs + c) * height + top + y) * width + left + x);
            sum += pixel * at(weight, ((o * inputs + c) * patch + y) * patch + x);
          }
        }
      }
      return sum;
    });
  }

  layerNorm(x: R, { weight, bias }: LayerNormWeights<R>): R {
    const width = lastSide(x);
    const out = generate(x.shape, () => 0);
    for (let start = 0; start < x.data.length; start += width) {
      const row = x.data.subarray(start, start + width);
      const mean = row.reduce((sum, value) => sum + value, 0) / width;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
      const scale = 1 / Math.sqrt(variance + LAYER_NORM_EPSILON);
      row.forEach((value, c) => {
        out.data[start + c] = (value - mean) * scale * at(weight, c) + at(bias, c);
      });
    }
    return out;
  }

  gelu(x: R): R {
    return generate(x.shape, (i) => 0.5 * at(x, i) * (1 + erf(at(x, i) / Math.SQRT2)));
  }

  windowAttention(qkv: R, table: R, { size, window, heads, shift }: WindowAttentionShape): R {
    const [faces, tokens, packed] = qkv.shape as Sides;
    const channels = packed / 3;
    const width = channels / heads;
    const scale = width ** -0.5;
    const span = 2 * window - 1;
    const out = generate([faces, tokens, channels], () => 0);
    // Where a token stands on the rolled map, whose windows are aligned to the grid.
    const rolled = (position: number) => (position - shift + size) % size;
    // Bands of the rolled map that were neighbours before rolling; tokens of different bands do not attend to each other.
    const band = (position: number) => (position < size - window ? 0 : position < size - shift ? 1 : 2);
    const region = (y: number, x: number) => (shift === 0 ? 0 : band(rolled(y)) * 3 + band(rolled(x)));
    for (let face = 0; face < faces; face++) {
      for (let query = 0; query < tokens; query++) {
        const qy = Math.floor(query / size);
        const qx = query % size;
        const top = Math.floor(rolled(qy) / window) * window;
        const left = Math.floor(rolled(qx) / window) * window;
        const keys = Array.from({ length: window * window }, (_, k) => {
          const ry = top + Math.floor(k / window);
          const rx = left + (k % window);
          return { ry, rx, y: (ry + shift) % size, x: (rx + shift) % size };
        });
        for (let head = 0; head < heads; head++) {
          const base = head * width;
          const scores = keys.map(({ ry, rx, y, x }) => {
            let dot = 0;
            for (let d = 0; d < width; d++) {
              const q = at(qkv, (face * tokens + query) * packed + base + d);
              dot += q * at(qkv, (face * tokens + y * size + x) * packed + channels + base + d);
            }
            const dy = rolled(qy) - ry + window - 1;
            const dx = rolled(qx) - rx + window - 1;
            const mask = region(qy, qx) === region(y, x) ? 0 : -100;
            return dot * scale + at(table, (dy * span + dx) * heads + head) + mask;
          });
          const peak = Math.max(...scores);
          const exps = scores.map((score) => Math.exp(score - peak));
          const total = exps.reduce((sum, value) => sum + value, 0);
          for (let d = 0; d < width; d++) {
            let sum = 0;
            keys.forEach(({ y, x }, k) => {
              const v = at(qkv, (face * tokens + y * size + x) * packed + 2 * channels + base + d);
              sum += (item(exps, k) / total) * v;
            });
            out.data[(face * tokens + query) * channels + base + d] = sum;
          }
        }
      }
    }
    return out;
  }

  mergePatches(x: R, size: number): R {
    const [faces, tokens, channels] = x.shape as Sides;
    const half = size / 2;
    return generate([faces, tokens / 4, 4 * channels], (index) => {
      const c = index % channels;
      const part = Math.floor(index / channels) % 4; // (row, column) = (0,0), (1,0), (0,1), (1,1)
      const token = Math.floor(index / channels / 4) % (half * half);
      const face = Math.floor(index / channels / tokens);
      const row = 2 * Math.floor(token / half) + (part % 2);
      const column = 2 * (token % half) + Math.floor(part / 2);
      return at(x, (face * tokens + row * size + column) * channels + c);
    });
  }

  imageTokens(image: R): R {
    return convolutions.imageTokens(image);
  }

  convolution(x: R, weights: LinearWeights<R>, shape: ConvolutionShape): R {
    return convolutions.convolution(x, weights, shape);
  }

  prelu(x: R, slope: R): R {
    const width = lastSide(x);
    return generate(x.shape, (i) => (at(x, i) > 0 ? at(x, i) : at(slope, i % width) * at(x, i)));
  }

  silu(x: R): R {
    return generate(x.shape, (i) => at(x, i) / (1 + Math.exp(-at(x, i))));
  }

  maxPool(x: R, window: SlidingWindow): R {
    return convolutions.maxPool(x, window);
  }

  padChannels(x: R, channels: number): R {
    const width = lastSide(x);
    return generate([...x.shape.slice(0, -1), channels], (i) => {
      const c = i % channels;
      return c < width ? at(x, Math.floor(i / channels) * width + c) : 0;
    });
  }

  resizeBilinear(x: R, from: readonly [number, number], to: readonly [number, number]): R {
    return convolutions.resizeBilinear(x, from, to);
  }

  squeezeExcite(x: R, { reduce, expand }: SqueezeExciteWeights<R>): R {
    const [, tokens, width] = x.shape as Sides;
    const gate = this.linear(this.silu(this.linear(this.meanTokens(x), reduce)), expand); // [B, C]
    return generate(x.shape, (i) => {
      const face = Math.floor(i / width / tokens);
      return at(x, i) / (1 + Math.exp(-at(gate, face * width + (i % width))));
    });
  }

  pyramidMax(x: R, sides: readonly [number, number], levels: number): R {
    return convolutions.pyramidMax(x, sides, levels);
  }

  dropPath(x: R): R {
    return x;
  }
}
