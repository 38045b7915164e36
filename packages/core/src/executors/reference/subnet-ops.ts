import { at as item } from '../../at.js';
import {
  BATCH_NORM_EPSILON,
  type BatchNormWeights,
  type ChannelAttentionWeights,
  type LinearWeights,
  type RowSubnets,
} from '../../ops.js';
import { at, generate, lastSide, type ReferenceTensor } from './tensor.js';

type R = ReferenceTensor;
type Sides = [number, number, number, number];

/** The operations of SwinFace behind its trunk: a page that explains answers needs no others. */
export class SubnetOps {
  linear(x: R, { weight, bias }: LinearWeights<R>): R {
    const inputs = lastSide(x);
    const outputs = item(weight.shape, weight.shape.length - 2);
    const rows = x.data.length / inputs;
    const rowsPerMatrix = weight.shape.length === 3 ? rows / item(weight.shape, 0) : rows;
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

  relu(x: R): R {
    return generate(x.shape, (i) => Math.max(0, at(x, i)));
  }

  add(a: R, b: R): R {
    return generate(a.shape, (i) => at(a, i) + at(b, i));
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
    const rows = item(parts, 0).data.length / item(widths, 0);
    const data = new Float64Array(rows * width);
    let offset = 0;
    parts.forEach((part, p) => {
      const side = item(widths, p);
      for (let row = 0; row < rows; row++) {
        data.set(part.data.subarray(row * side, (row + 1) * side), row * width + offset);
      }
      offset += side;
    });
    return { shape: [...item(parts, 0).shape.slice(0, -1), width], data };
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
        sum += at(weight, row * width + i) * at(x, (item(rows, row) * faces + face) * width + i);
      }
      return sum;
    });
  }

  dropout(x: R): R {
    return x;
  }
}

/** [..., L, C] -> [..., C] */
function reduceTokens(x: R, reduce: (values: Float64Array) => number): R {
  const tokens = item(x.shape, x.shape.length - 2);
  const width = lastSide(x);
  const values = new Float64Array(tokens);
  return generate([...x.shape.slice(0, -2), width], (index) => {
    const start = Math.floor(index / width) * tokens * width + (index % width);
    for (let token = 0; token < tokens; token++) values[token] = at(x, start + token * width);
    return reduce(values);
  });
}
