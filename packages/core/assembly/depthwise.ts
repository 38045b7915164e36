/**
 * Depthwise convolutions: y[c] = act(sum over the window of x[c] w[c] + bias[c]) on token maps whose channels are padded
 * to a multiple of four. One item is one row of one face's results; four results side by side share what they read.
 */
import { silu } from './math';
import { madd, PRELU, prelu, RELU, relu, SILU } from './tile';

// Members of a convolution's description, all i32; addresses in bytes.
const X = 0;
/** [kernel height][kernel width][channels] */
const WEIGHT = 4;
const BIAS = 8;
const SLOPE = 12;
const Y = 16;
/** A multiple of four. */
const CHANNELS = 20;
const HEIGHT = 24;
const WIDTH = 28;
const DOWN = 32;
const ACROSS = 36;
const KERNEL_HEIGHT = 40;
const KERNEL_WIDTH = 44;
const STEP = 48;
const TOP = 52;
const LEFT = 56;
const ACTIVATION = 60;

/** Rows `begin` .. `end` of all faces' maps of results. */
export function depthwise(p: usize, begin: i32, end: i32): void {
  const down = load<i32>(p, DOWN);
  const across = load<i32>(p, ACROSS);
  const height = load<i32>(p, HEIGHT);
  const width = load<i32>(p, WIDTH);
  const bytes = load<i32>(p, CHANNELS) << 2;
  const kernelHeight = load<i32>(p, KERNEL_HEIGHT);
  const kernelWidth = load<i32>(p, KERNEL_WIDTH);
  const step = load<i32>(p, STEP);
  const left = load<i32>(p, LEFT);
  const three = kernelWidth == 3 && (step == 1 || step == 2);
  // Results whose windows lie between the left and the right border.
  const inner = (left + step - 1) / step;
  const outer = width + left >= kernelWidth ? min((width + left - kernelWidth) / step + 1, across) : 0;
  for (let item = begin; item < end; item++) {
    const top = (item % down) * step - load<i32>(p, TOP);
    const first = max(-top, 0);
    const count = min(kernelHeight, height - top) - first;
    const map = <usize>load<u32>(p, X) + <usize>((item / down) * height * width * bytes);
    const x = map + <usize>((top + first) * width * bytes);
    const weight = <usize>load<u32>(p, WEIGHT) + <usize>(first * kernelWidth * bytes);
    const y = <usize>load<u32>(p, Y) + <usize>(item * across * bytes);
    for (let column = 0; column < across; ) {
      const to = y + <usize>(column * bytes);
      const from = column * step - left;
      if (column >= inner && inner + 4 <= outer && column < outer) {
        // The last four of a row may be written twice.
        const own = min(column, outer - 4);
        const target = y + <usize>(own * bytes);
        const source = x + <usize>((own * step - left) * bytes);
        if (!three) four(p, source, weight, target, count);
        else if (step == 1) four3<i32>(p, source, weight, target, count);
        else four3<i64>(p, source, weight, target, count);
        column = own + 4;
        continue;
      }
      one(p, x, weight, to, count, from);
      column++;
    }
  }
}

function activate(x: v128, activation: i32, slope: usize): v128 {
  if (activation == RELU) return relu(x);
  if (activation == PRELU) return prelu(x, v128.load(slope));
  if (activation == SILU) return silu(x);
  return x;
}

/** One result, whose window may lie over the left or the right border; `from` is the window's first column. */
function one(p: usize, x: usize, weight: usize, y: usize, count: i32, from: i32): void {
  const bytes = <usize>load<i32>(p, CHANNELS) << 2;
  const line = <usize>load<i32>(p, WIDTH) * bytes;
  const kernelWidth = load<i32>(p, KERNEL_WIDTH);
  const begin = max(-from, 0);
  const end = min(kernelWidth, load<i32>(p, WIDTH) - from);
  const activation = load<i32>(p, ACTIVATION);
  const bias: usize = load<u32>(p, BIAS);
  const slope: usize = load<u32>(p, SLOPE);
  x += <usize>(from + begin) * bytes;
  weight += <usize>begin * bytes;
  for (let c: usize = 0; c < bytes; c += 16) {
    let sum = v128.load(bias + c);
    let row = x + c;
    let weights = weight + c;
    for (let ky = 0; ky < count; ky++) {
      let a = row;
      let w = weights;
      for (let kx = begin; kx < end; kx++) {
        sum = madd(v128.load(a), v128.load(w), sum);
        a += bytes;
        w += bytes;
      }
      row += line;
      weights += <usize>kernelWidth * bytes;
    }
    v128.store(y + c, activate(sum, activation, slope + c));
  }
}

/** Four results side by side, away from the left and the right border, of any kernel and step. */
function four(p: usize, x: usize, weight: usize, y: usize, count: i32): void {
  const bytes = <usize>load<i32>(p, CHANNELS) << 2;
  const line = <usize>load<i32>(p, WIDTH) * bytes;
  const kernelWidth = load<i32>(p, KERNEL_WIDTH);
  const apart = <usize>load<i32>(p, STEP) * bytes;
  const activation = load<i32>(p, ACTIVATION);
  const bias: usize = load<u32>(p, BIAS);
  const slope: usize = load<u32>(p, SLOPE);
  for (let c: usize = 0; c < bytes; c += 16) {
    let s0 = v128.load(bias + c);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let row = x + c;
    let w = weight + c;
    for (let ky = 0; ky < count; ky++) {
      let a = row;
      for (let kx = 0; kx < kernelWidth; kx++) {
        const own = v128.load(w);
        const a2 = a + 2 * apart;
        s0 = madd(v128.load(a), own, s0);
        s1 = madd(v128.load(a + apart), own, s1);
        s2 = madd(v128.load(a2), own, s2);
        s3 = madd(v128.load(a2 + apart), own, s3);
        a += bytes;
        w += bytes;
      }
      row += line;
    }
    let to = y + c;
    v128.store(to, activate(s0, activation, slope + c));
    to += bytes;
    v128.store(to, activate(s1, activation, slope + c));
    to += bytes;
    v128.store(to, activate(s2, activation, slope + c));
    to += bytes;
    v128.store(to, activate(s3, activation, slope + c));
  }
}

/** As `four`, of a kernel three wide; T is i32 for a step of 1 and i64 for a step of 2. */
function four3<T>(p: usize, x: usize, weight: usize, y: usize, count: i32): void {
  const bytes = <usize>load<i32>(p, CHANNELS) << 2;
  const line = <usize>load<i32>(p, WIDTH) * bytes;
  const activation = load<i32>(p, ACTIVATION);
  const bias: usize = load<u32>(p, BIAS);
  const slope: usize = load<u32>(p, SLOPE);
  const apart: usize = sizeof<T>() == 4 ? bytes : 2 * bytes;
  for (let c: usize = 0; c < bytes; c += 16) {
    let s0 = v128.load(bias + c);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let row = x + c;
    let w = weight + c;
    for (let ky = 0; ky < count; ky++) {
      const w0 = v128.load(w);
      const w1 = v128.load(w + bytes);
      const w2 = v128.load(w + 2 * bytes);
      w += 3 * bytes;
      let a = row;
      let first = v128.load(a);
      let second = v128.load(a + bytes);
      if (sizeof<T>() == 4) {
        let third = v128.load(a + 2 * bytes);
        s0 = madd(first, w0, s0);
        s0 = madd(second, w1, s0);
        s0 = madd(third, w2, s0);
        a += 3 * bytes;
        first = v128.load(a);
        s1 = madd(second, w0, s1);
        s1 = madd(third, w1, s1);
        s1 = madd(first, w2, s1);
        second = v128.load(a + bytes);
        s2 = madd(third, w0, s2);
        s2 = madd(first, w1, s2);
        s2 = madd(second, w2, s2);
        third = v128.load(a + 2 * bytes);
        s3 = madd(first, w0, s3);
        s3 = madd(second, w1, s3);
        s3 = madd(third, w2, s3);
      } else {
        let third = v128.load(a + 2 * bytes);
        s0 = madd(first, w0, s0);
        s0 = madd(second, w1, s0);
        s0 = madd(third, w2, s0);
        a += 3 * bytes;
        first = v128.load(a);
        second = v128.load(a + bytes);
        s1 = madd(third, w0, s1);
        s1 = madd(first, w1, s1);
        s1 = madd(second, w2, s1);
        third = v128.load(a + 2 * bytes);
        a += 3 * bytes;
        first = v128.load(a);
        s2 = madd(second, w0, s2);
        s2 = madd(third, w1, s2);
        s2 = madd(first, w2, s2);
        second = v128.load(a + bytes);
        third = v128.load(a + 2 * bytes);
        s3 = madd(first, w0, s3);
        s3 = madd(second, w1, s3);
        s3 = madd(third, w2, s3);
      }
      row += line;
    }
    let to = y + c;
    v128.store(to, activate(s0, activation, slope + c));
    to += bytes;
    v128.store(to, activate(s1, activation, slope + c));
    to += bytes;
    v128.store(to, activate(s2, activation, slope + c));
    to += bytes;
    v128.store(to, activate(s3, activation, slope + c));
  }
}
