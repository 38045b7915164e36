import {
  BATCH_NORM_EPSILON,
  type BatchNormWeights,
  type ChannelAttentionWeights,
  LAYER_NORM_EPSILON,
  type LayerNormWeights,
  type LinearWeights,
  type Ops,
  type RowSubnets,
  type WindowAttentionShape,
} from '../ops.js';
import { erf } from './erf.js';
import { at, generate, lastSide, type ReferenceTensor } from './tensor.js';

type R = ReferenceTensor;
type Sides = [number, number, number, number, number];

/** The network in float64 by the definitions, element by element: the oracle that every other executor is tested against. */
export class ReferenceOps implements Ops<ReferenceTensor> {
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

  linear(x: R, { weight, bias }: LinearWeights<R>): R {
    const inputs = lastSide(x);
    const outputs = weight.shape[weight.shape.length - 2] as number;
    const rows = x.data.length / inputs;
    const rowsPerMatrix = weight.shape.length === 3 ? rows / (weight.shape[0] as number) : rows;
    const out = generate([...x.shape.slice(0, -1), outputs], () => 0);
    for (let row = 0; row < rows; row++) {
      const matrix = Math.floor(row / rowsPerMatrix);
      for (let o = 0; o < outputs; o++) {
        let sum = bias ? at(bias, matrix * outputs + o) : 0;
        const from = row * inputs;
        const weights = (matrix * outputs + o) * inputs;
        // Bounds are the loop's; `at` here would double the time of the SwinFace-T oracle.
        for (let i = 0; i < inputs; i++) sum += (x.data[from + i] as number) * (weight.data[weights + i] as number);
        out.data[row * outputs + o] = sum;
      }
    }
    return out;
  }

  gelu(x: R): R {
    return generate(x.shape, (i) => 0.5 * at(x, i) * (1 + erf(at(x, i) / Math.SQRT2)));
  }

  relu(x: R): R {
    return generate(x.shape, (i) => Math.max(0, at(x, i)));
  }

  add(a: R, b: R): R {
    return generate(a.shape, (i) => at(a, i) + at(b, i));
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
              sum += ((exps[k] as number) / total) * v;
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

  averagePool(x: R, size: number, factor: number): R {
    const [faces, tokens, channels] = x.shape as Sides;
    const side = size / factor;
    return generate([faces, side * side, channels], (index) => {
      const c = index % channels;
      const token = Math.floor(index / channels) % (side * side);
      const face = Math.floor(index / channels / side / side);
      let sum = 0;
      for (let y = 0; y < factor; y++) {
        for (let dx = 0; dx < factor; dx++) {
          const row = Math.floor(token / side) * factor + y;
          sum += at(x, (face * tokens + row * size + (token % side) * factor + dx) * channels + c);
        }
      }
      return sum / factor ** 2;
    });
  }

  meanTokens(x: R): R {
    return reduceTokens(x, (values) => values.reduce((sum, value) => sum + value, 0) / values.length);
  }

  conv3x3(x: R, weight: R, size: number): R {
    const [faces, tokens, inputs] = x.shape as Sides;
    const [subnets, outputs] = weight.shape as Sides;
    return generate([subnets, faces, tokens, outputs], (index) => {
      const o = index % outputs;
      const token = Math.floor(index / outputs) % tokens;
      const face = Math.floor(index / outputs / tokens) % faces;
      const subnet = Math.floor(index / outputs / tokens / faces);
      let sum = 0;
      for (let ky = 0; ky < 3; ky++) {
        for (let kx = 0; kx < 3; kx++) {
          const row = Math.floor(token / size) + ky - 1;
          const column = (token % size) + kx - 1;
          if (row < 0 || row >= size || column < 0 || column >= size) continue;
          const from = (face * tokens + row * size + column) * inputs;
          const filter = (subnet * outputs + o) * inputs * 9 + ky * 3 + kx;
          // Bounds checked above; see `linear`.
          for (let i = 0; i < inputs; i++)
            sum += (x.data[from + i] as number) * (weight.data[filter + i * 9] as number);
        }
      }
      return sum;
    });
  }

  concat(parts: readonly R[]): R {
    const widths = parts.map(lastSide);
    const width = widths.reduce((sum, side) => sum + side, 0);
    const rows = (parts[0]?.data.length ?? 0) / (widths[0] ?? 1);
    const data = new Float64Array(rows * width);
    let offset = 0;
    parts.forEach((part, p) => {
      const side = widths[p] as number;
      for (let row = 0; row < rows; row++) {
        data.set(part.data.subarray(row * side, (row + 1) * side), row * width + offset);
      }
      offset += side;
    });
    return { shape: [...(parts[0]?.shape.slice(0, -1) ?? []), width], data };
  }

  channelAttention(x: R, { fc1, fc2 }: ChannelAttentionWeights<R>): R {
    const [, , tokens, width] = x.shape as Sides;
    const mlp = (pooled: R) => this.linear(this.relu(this.linear(pooled, fc1)), fc2);
    const gate = this.add(mlp(this.meanTokens(x)), mlp(this.maxTokens(x))); // [S, B, F]
    return generate(x.shape, (index) => {
      const row = Math.floor(index / width / tokens);
      return at(x, index) / (1 + Math.exp(-at(gate, row * width + (index % width))));
    });
  }

  maxTokens(x: R): R {
    return reduceTokens(x, (values) => values.reduce((peak, value) => Math.max(peak, value), Number.NEGATIVE_INFINITY));
  }

  batchNorm(x: R, { weight, bias, running_mean, running_var }: BatchNormWeights<R>): R {
    const width = lastSide(x);
    const subnets = weight.data.length / width;
    return generate(x.shape, (index) => {
      const subnet = Math.floor(index / (x.data.length / subnets));
      const c = subnet * width + (index % width);
      const scale = at(weight, c) / Math.sqrt(at(running_var, c) + BATCH_NORM_EPSILON);
      return (at(x, index) - at(running_mean, c)) * scale + at(bias, c);
    });
  }

  taskOutputs(x: R, { weight, bias }: LinearWeights<R>, rows: RowSubnets): R {
    const [, faces, width] = x.shape as Sides;
    return generate([faces, rows.length], (index) => {
      const row = index % rows.length;
      const face = Math.floor(index / rows.length);
      let sum = bias ? at(bias, row) : 0;
      for (let i = 0; i < width; i++) {
        sum += at(weight, row * width + i) * at(x, ((rows[row] as number) * faces + face) * width + i);
      }
      return sum;
    });
  }

  dropPath(x: R): R {
    return x;
  }

  dropout(x: R): R {
    return x;
  }
}

/** [..., L, C] -> [..., C] */
function reduceTokens(x: R, reduce: (values: Float64Array) => number): R {
  const tokens = x.shape[x.shape.length - 2] as number;
  const width = lastSide(x);
  const values = new Float64Array(tokens);
  return generate([...x.shape.slice(0, -2), width], (index) => {
    const start = Math.floor(index / width) * tokens * width + (index % width);
    for (let token = 0; token < tokens; token++) values[token] = at(x, start + token * width);
    return reduce(values);
  });
}
