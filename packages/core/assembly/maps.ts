/**
 * What reads and writes token maps one channel at a time. Channels are padded to a multiple of four with zeros, and so
 * are the results; sizes named `width` below count the padding.
 */
import { gelu, sigmoid, silu, sum4 } from './math';
import { GELU, madd, PRELU, prelu, RELU, relu, SILU } from './tile';

/**
 * Rows `begin` .. `end`: y = act(x + other), where both may be narrower than y, with zeros for what they lack; `other` 0
 * for none.
 */
export function sum(
  x: usize,
  xWidth: i32,
  other: usize,
  otherWidth: i32,
  y: usize,
  width: i32,
  activation: i32,
  slope: usize,
  begin: i32,
  end: i32,
): void {
  for (let row = begin; row < end; row++) {
    const a = x + <usize>(row * xWidth) * 4;
    const b = other + <usize>(row * otherWidth) * 4;
    const to = y + <usize>(row * width) * 4;
    for (let c = 0; c < width; c += 4) {
      const i = <usize>c * 4;
      let value = c < xWidth ? v128.load(a + i) : f32x4.splat(0);
      if (other && c < otherWidth) value = f32x4.add(value, v128.load(b + i));
      if (activation == RELU) value = relu(value);
      else if (activation == PRELU) value = prelu(value, v128.load(slope + i));
      else if (activation == GELU) value = gelu(value);
      else if (activation == SILU) value = silu(value);
      v128.store(to + i, value);
    }
  }
}

/** Rows `begin` .. `end` of the pictures' pixels: planes [colours][height][stride] become tokens [height * width][padded colours]. */
export function imageTokens(
  x: usize,
  y: usize,
  colours: i32,
  height: i32,
  width: i32,
  stride: i32,
  begin: i32,
  end: i32,
): void {
  const padded = (colours + 3) & ~3;
  for (let line = begin; line < end; line++) {
    const from = x + <usize>(((line / height) * colours * height + (line % height)) * stride) * 4;
    const to = y + <usize>(line * width * padded) * 4;
    for (let c = 0; c < padded; c++) {
      const plane = from + <usize>(c * height * stride) * 4;
      for (let i = 0; i < width; i++) {
        store<f32>(to + <usize>(i * padded + c) * 4, c < colours ? load<f32>(plane + <usize>i * 4) : 0);
      }
    }
  }
}

/** Rows `begin` .. `end` of maps of `down` rows: the largest values in windows, what lies beyond the border left out. */
export function maxPool(
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  down: i32,
  across: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  step: i32,
  top: i32,
  left: i32,
  begin: i32,
  end: i32,
): void {
  const bytes = <usize>channels * 4;
  const line = <usize>width * bytes;
  for (let item = begin; item < end; item++) {
    const row = (item % down) * step - top;
    const rowBegin = max(row, 0);
    const rows = min(row + kernelHeight, height) - rowBegin;
    const map = x + <usize>((item / down) * height + rowBegin) * line;
    for (let ox = 0; ox < across; ox++) {
      const column = ox * step - left;
      const columnBegin = max(column, 0);
      const columns = <usize>(min(column + kernelWidth, width) - columnBegin) * bytes;
      const from = map + <usize>columnBegin * bytes;
      const to = y + <usize>(item * across + ox) * bytes;
      for (let c: usize = 0; c < bytes; c += 16) {
        let start = from + c;
        let most = v128.load(start);
        for (let ky = 0; ky < rows; ky++) {
          for (let at = start; at < start + columns; at += bytes) most = f32x4.pmax(most, v128.load(at));
          start += line;
        }
        v128.store(to + c, most);
      }
    }
  }
}

/** What a result between two numbers of a line reads: the place of the first of them, held inside the line. */
function position(index: i32, from: i32, to: i32): f32 {
  const at = ((<f32>index + <f32>0.5) * <f32>from) / <f32>to - <f32>0.5;
  return min<f32>(max<f32>(at, 0), <f32>(from - 1));
}

/** Rows `begin` .. `end` of maps of `down` rows: bilinear between the centres of tokens, held inside the border. */
export function resizeBilinear(
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  down: i32,
  across: i32,
  begin: i32,
  end: i32,
): void {
  const bytes = <usize>channels * 4;
  const line = <usize>width * bytes;
  for (let item = begin; item < end; item++) {
    const vertical = position(item % down, height, down);
    const row = <i32>vertical;
    const below = f32x4.splat(vertical - <f32>row);
    const upper = x + <usize>((item / down) * height + row) * line;
    const lower = row + 1 < height ? upper + line : upper;
    for (let ox = 0; ox < across; ox++) {
      const horizontal = position(ox, width, across);
      const column = <i32>horizontal;
      const right = f32x4.splat(horizontal - <f32>column);
      const at = <usize>column * bytes;
      const next = column + 1 < width ? at + bytes : at;
      const to = y + <usize>(item * across + ox) * bytes;
      for (let c: usize = 0; c < bytes; c += 16) {
        const a = v128.load(upper + at + c);
        const b = v128.load(lower + at + c);
        const above = madd(f32x4.sub(v128.load(upper + next + c), a), right, a);
        const under = madd(f32x4.sub(v128.load(lower + next + c), b), right, b);
        v128.store(to + c, madd(f32x4.sub(under, above), below, above));
      }
    }
  }
}

/** Faces `begin` .. `end`: the mean over a face's tokens. */
export function meanTokens(x: usize, y: usize, tokens: i32, channels: i32, begin: i32, end: i32): void {
  const bytes = <usize>channels * 4;
  const share = f32x4.splat(<f32>1 / <f32>tokens);
  for (let face = begin; face < end; face++) {
    const from = x + <usize>(face * tokens) * bytes;
    const stop = from + <usize>tokens * bytes;
    const to = y + <usize>face * bytes;
    for (let c: usize = 0; c < bytes; c += 16) {
      let sum = f32x4.splat(0);
      for (let at = from + c; at < stop; at += bytes) sum = f32x4.add(sum, v128.load(at));
      v128.store(to + c, f32x4.mul(sum, share));
    }
  }
}

/**
 * Faces `begin` .. `end` of [faces][channels], in place: from means over tokens to factors,
 * sigmoid(expand(silu(reduce(mean)))).
 *
 * @param reduce [hidden][channels], @param expand [hidden][channels] (transposed)
 */
export function excite(
  x: usize,
  channels: i32,
  hidden: i32,
  reduce: usize,
  reduceBias: usize,
  expand: usize,
  expandBias: usize,
  begin: i32,
  end: i32,
  spare: usize,
): void {
  const bytes = <usize>channels * 4;
  for (let face = begin; face < end; face++) {
    const means = x + <usize>face * bytes;
    for (let c: usize = 0; c < bytes; c += 16) v128.store(spare + c, v128.load(expandBias + c));
    for (let h = 0; h < hidden; h++) {
      const weight = reduce + <usize>h * bytes;
      let products = f32x4.splat(0);
      for (let c: usize = 0; c < bytes; c += 16) products = madd(v128.load(weight + c), v128.load(means + c), products);
      const active = silu(f32x4.splat(sum4(products) + load<f32>(reduceBias + <usize>h * 4)));
      const back = expand + <usize>h * bytes;
      for (let c: usize = 0; c < bytes; c += 16) {
        v128.store(spare + c, madd(active, v128.load(back + c), v128.load(spare + c)));
      }
    }
    for (let c: usize = 0; c < bytes; c += 16) v128.store(means + c, sigmoid(v128.load(spare + c)));
  }
}

/** Rows `begin` .. `end`: y = x times its face's factors [faces][channels]. */
export function scale(x: usize, factors: usize, y: usize, tokens: i32, channels: i32, begin: i32, end: i32): void {
  const bytes = <usize>channels * 4;
  for (let row = begin; row < end; row++) {
    const from = x + <usize>row * bytes;
    const own = factors + <usize>(row / tokens) * bytes;
    const to = y + <usize>row * bytes;
    for (let c: usize = 0; c < bytes; c += 16) v128.store(to + c, f32x4.mul(v128.load(from + c), v128.load(own + c)));
  }
}

/**
 * Items `begin` .. `end` of faces x blocks: the largest values in a block of a face's tokens, `channels` of them (without
 * padding) one block after another.
 *
 * @param corners i32 [blocks][4]: top, bottom, left, right, ends left out
 * @param stride numbers from one face of y to the next
 */
export function pyramidMax(
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  blocks: i32,
  corners: usize,
  stride: i32,
  begin: i32,
  end: i32,
): void {
  const padded = (channels + 3) & ~3;
  const bytes = <usize>padded * 4;
  for (let item = begin; item < end; item++) {
    const face = item / blocks;
    const block = item % blocks;
    const own = corners + <usize>block * 16;
    const top = load<i32>(own);
    const bottom = load<i32>(own, 4);
    const left = <usize>load<i32>(own, 8) * bytes;
    const right = <usize>load<i32>(own, 12) * bytes;
    const map = x + <usize>(face * height * width) * bytes;
    const to = y + <usize>(face * stride + block * channels) * 4;
    for (let c = 0; c < padded; c += 4) {
      const plane = map + <usize>c * 4;
      let most = v128.load(plane + <usize>(top * width) * bytes + left);
      for (let row = top; row < bottom; row++) {
        const line = plane + <usize>(row * width) * bytes;
        for (let at = line + left; at < line + right; at += bytes) most = f32x4.pmax(most, v128.load(at));
      }
      // Blocks of a width no multiple of four meet inside a vector, which another thread may be writing.
      const place = to + <usize>c * 4;
      if (c + 4 <= channels) v128.store(place, most);
      else {
        store<f32>(place, f32x4.extract_lane(most, 0));
        if (c + 1 < channels) store<f32>(place, f32x4.extract_lane(most, 1), 4);
        if (c + 2 < channels) store<f32>(place, f32x4.extract_lane(most, 2), 8);
      }
    }
    if (block + 1 == blocks) {
      for (let c = blocks * channels; c < stride; c++) store<f32>(y + <usize>(face * stride + c) * 4, 0);
    }
  }
}
