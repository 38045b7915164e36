/** Everything that is not a product: it reads and writes rows of channels. */
import { normalizeRow, sigmoid, sum4 } from './math';
import { madd } from './tile';

/** Rows `begin` .. `end` in place: (x - mean) / deviation * weight + bias; `width` a multiple of four. */
export function layerNorm(x: usize, width: i32, weight: usize, bias: usize, begin: i32, end: i32): void {
  const bytes = <usize>width * 4;
  for (let row = begin; row < end; row++) {
    const at = x + <usize>row * bytes;
    normalizeRow(at, width, at);
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(at + i, madd(v128.load(at + i), v128.load(weight + i), v128.load(bias + i)));
    }
  }
}

/** Faces `begin` .. `end`: the mean over a face's tokens of its rows after a LayerNorm. `spare` holds one row. */
export function normMean(
  x: usize,
  y: usize,
  tokens: i32,
  width: i32,
  weight: usize,
  bias: usize,
  begin: i32,
  end: i32,
  spare: usize,
): void {
  const bytes = <usize>width * 4;
  const share = f32x4.splat(<f32>1 / <f32>tokens);
  for (let face = begin; face < end; face++) {
    const to = y + <usize>face * bytes;
    for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, f32x4.splat(0));
    for (let token = 0; token < tokens; token++) {
      normalizeRow(x + <usize>(face * tokens + token) * bytes, width, spare);
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(to + i, madd(v128.load(spare + i), share, v128.load(to + i)));
      }
    }
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(to + i, madd(v128.load(to + i), v128.load(weight + i), v128.load(bias + i)));
    }
  }
}

/** Rows `begin` .. `end` of the result: means over factor x factor squares of maps of `size` squared tokens. */
export function averagePool(x: usize, y: usize, size: i32, factor: i32, width: i32, begin: i32, end: i32): void {
  const side = size / factor;
  const bytes = <usize>width * 4;
  const share = f32x4.splat(<f32>1 / <f32>(factor * factor));
  for (let row = begin; row < end; row++) {
    const face = row / (side * side);
    const token = row % (side * side);
    const corner = face * size * size + ((token / side) * size + (token % side)) * factor;
    const to = y + <usize>row * bytes;
    for (let i: usize = 0; i < bytes; i += 16) {
      let sum = f32x4.splat(0);
      for (let dy = 0; dy < factor; dy++) {
        let from = x + <usize>(corner + dy * size) * bytes + i;
        for (let dx = 0; dx < factor; dx++) {
          sum = f32x4.add(sum, v128.load(from));
          from += bytes;
        }
      }
      v128.store(to + i, f32x4.mul(sum, share));
    }
  }
}

/**
 * Items `begin` .. `end` of faces x subnets: max over the tokens of relu(x * sigmoid(mlp(mean) + mlp(max))), where
 * mlp(v) = fc2 relu(fc1 v) with biases. The gate is positive, so the maximum may be taken before it.
 *
 * @param x [faces][tokens][subnets][width]
 * @param y [subnets][capacity][width]
 * @param fc1 [subnets][hidden][width], @param fc2 [subnets][hidden][width] (transposed)
 * @param spare 3 * width + hidden numbers
 */
export function channelAttentionPool(
  x: usize,
  y: usize,
  subnets: i32,
  tokens: i32,
  width: i32,
  hidden: i32,
  capacity: i32,
  fc1: usize,
  bias1: usize,
  fc2: usize,
  bias2: usize,
  begin: i32,
  end: i32,
  spare: usize,
): void {
  const bytes = <usize>width * 4;
  const stride = <usize>subnets * bytes;
  const means = spare;
  const largest = means + bytes;
  const gates = largest + bytes;
  const share = f32x4.splat(<f32>1 / <f32>tokens);
  for (let item = begin; item < end; item++) {
    const face = item / subnets;
    const subnet = item % subnets;
    const from = x + <usize>(face * tokens * subnets + subnet) * bytes;
    for (let i: usize = 0; i < bytes; i += 16) {
      let sum = v128.load(from + i);
      let most = sum;
      for (let token = 1; token < tokens; token++) {
        const value = v128.load(from + <usize>token * stride + i);
        sum = f32x4.add(sum, value);
        most = f32x4.max(most, value);
      }
      v128.store(means + i, f32x4.mul(sum, share));
      v128.store(largest + i, most);
      // Both passes of the mlp end with the second layer's bias.
      v128.store(gates + i, f32x4.mul(v128.load(bias2 + <usize>subnet * bytes + i), f32x4.splat(2)));
    }
    for (let h = 0; h < hidden; h++) {
      const row = <usize>(subnet * hidden + h);
      const weight = fc1 + row * bytes;
      let ofMean = f32x4.splat(0);
      let ofMax = f32x4.splat(0);
      for (let i: usize = 0; i < bytes; i += 16) {
        const w = v128.load(weight + i);
        ofMean = madd(w, v128.load(means + i), ofMean);
        ofMax = madd(w, v128.load(largest + i), ofMax);
      }
      const bias = load<f32>(bias1 + row * 4);
      const active = f32x4.splat(max<f32>(sum4(ofMean) + bias, 0) + max<f32>(sum4(ofMax) + bias, 0));
      const back = fc2 + row * bytes;
      for (let i: usize = 0; i < bytes; i += 16) {
        v128.store(gates + i, madd(active, v128.load(back + i), v128.load(gates + i)));
      }
    }
    const to = y + <usize>(subnet * capacity + face) * bytes;
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(to + i, f32x4.max(f32x4.mul(v128.load(largest + i), sigmoid(v128.load(gates + i))), f32x4.splat(0)));
    }
  }
}

/**
 * Faces `begin` .. `end`: y[face][r] = weight[r] . x[subnets[r]][face] + bias[r].
 *
 * @param x [subnets][capacity][width]
 * @param subnetOf i32 [outputs]
 */
export function taskOutputs(
  x: usize,
  y: usize,
  width: i32,
  capacity: i32,
  outputs: i32,
  weight: usize,
  bias: usize,
  subnetOf: usize,
  begin: i32,
  end: i32,
): void {
  const bytes = <usize>width * 4;
  for (let face = begin; face < end; face++) {
    for (let r = 0; r < outputs; r++) {
      const row = x + <usize>(load<i32>(subnetOf + <usize>r * 4) * capacity + face) * bytes;
      const own = weight + <usize>r * bytes;
      let sum = f32x4.splat(0);
      for (let i: usize = 0; i < bytes; i += 16) sum = madd(v128.load(row + i), v128.load(own + i), sum);
      store<f32>(y + <usize>(face * outputs + r) * 4, sum4(sum) + load<f32>(bias + <usize>r * 4));
    }
  }
}
