/** The reference against values worked out by hand: it is the oracle of all other executors. */
import { BATCH_NORM_EPSILON, LAYER_NORM_EPSILON } from '@swinface/core';
import { erf, generate, ReferenceOps, type ReferenceTensor } from '@swinface/core/reference';
import { expectAllClose } from '@swinface/testing';
import { describe, expect, test } from 'vitest';

const ops = new ReferenceOps();
const tensor = (shape: number[], values: number[]): ReferenceTensor => ({ shape, data: Float64Array.from(values) });
/** Float64 arithmetic of a few terms: nothing but the last bits may differ. */
const EXACT = { atol: 1e-14, rtol: 1e-14 };

test('erf matches published values', () => {
  // Abramowitz & Stegun, table 7.1, and DLMF 7.2 for the tail.
  expectAllClose(
    [0, 0.1, 0.5, 1, 2, 2.4, 2.6, 3, -1, 7].map(erf),
    [
      0, 0.1124629160182849, 0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.9993114861033549,
      0.9997639655834707, 0.9999779095030014, -0.8427007929497149, 1,
    ],
    { atol: 1e-13, rtol: 0 },
  );
});

test('patchEmbed reads patches row by row, all channels of a patch into one token', () => {
  // Two channels of 4x4: channel 0 counts 0..15, channel 1 is 100 everywhere.
  const image = tensor([1, 2, 4, 4], [...Array.from({ length: 16 }, (_, i) => i), ...Array<number>(16).fill(100)]);
  // Output 0 takes the top-right pixel of channel 0; output 1 sums channel 1.
  const weight = tensor([2, 2, 2, 2], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  const bias = tensor([2], [0.5, 0]);
  const out = ops.patchEmbed(image, { weight, bias });
  expect(out.shape).toEqual([1, 4, 2]);
  expect([...out.data]).toEqual([1.5, 400, 3.5, 400, 9.5, 400, 11.5, 400]);
});

test('layerNorm uses the biased variance of each row', () => {
  const x = tensor([2, 2], [1, 3, -2, 2]); // means 2 and 0, variances 1 and 4
  const out = ops.layerNorm(x, { weight: tensor([2], [1, 2]), bias: tensor([2], [0, 10]) });
  const [a, b] = [1 / Math.sqrt(1 + LAYER_NORM_EPSILON), 2 / Math.sqrt(4 + LAYER_NORM_EPSILON)];
  expectAllClose(out.data, [-a, 10 + 2 * a, -b, 10 + 2 * b], EXACT);
});

describe('linear', () => {
  test('multiplies rows by the transposed weight', () => {
    const x = tensor([2, 3], [1, 2, 3, 0, 1, 0]);
    const out = ops.linear(x, { weight: tensor([2, 3], [1, 0, 0, 1, 1, 1]), bias: tensor([2], [10, 20]) });
    expect(out.shape).toEqual([2, 2]);
    expect([...out.data]).toEqual([11, 26, 10, 21]);
  });

  test('gives each subnet of a stack its own matrix and bias', () => {
    const x = tensor([2, 2, 1], [1, 2, 3, 4]); // S = 2, B = 2
    const out = ops.linear(x, { weight: tensor([2, 1, 1], [10, 100]), bias: tensor([2, 1], [1, 2]) });
    expect([...out.data]).toEqual([11, 21, 302, 402]);
  });
});

test('gelu, relu and add are elementwise', () => {
  expectAllClose(ops.gelu(tensor([3], [-1, 0, 2])).data, [-0.15865525393145702, 0, 1.9544997361036416], EXACT);
  expect([...ops.relu(tensor([3], [-1, 0, 2])).data]).toEqual([0, 0, 2]);
  expect([...ops.add(tensor([2], [1, 2]), tensor([2], [10, 20])).data]).toEqual([11, 22]);
});

describe('windowAttention', () => {
  const zeroTable = (window: number, heads: number) => generate([(2 * window - 1) ** 2, heads], () => 0);
  /** qkv with q = k = 0, so that only bias and mask decide, and v = the token's number. */
  const numbered = (size: number) => generate([1, size * size, 3], (i) => (i % 3 === 2 ? Math.floor(i / 3) : 0));

  test('without scores every token becomes the mean of its window', () => {
    const out = ops.windowAttention(numbered(4), zeroTable(2, 1), { size: 4, window: 2, heads: 1, shift: 0 });
    // Windows {0,1,4,5} {2,3,6,7} {8,9,12,13} {10,11,14,15}.
    const mean = [2.5, 2.5, 4.5, 4.5, 2.5, 2.5, 4.5, 4.5, 10.5, 10.5, 12.5, 12.5, 10.5, 10.5, 12.5, 12.5];
    expectAllClose(out.data, mean, EXACT);
  });

  test('shifted windows straddle the old borders, and rolled-in tokens keep to their own region', () => {
    const out = ops.windowAttention(numbered(4), zeroTable(2, 1), { size: 4, window: 2, heads: 1, shift: 1 });
    // The centre window is {5,6,9,10}; edges fall apart into {1,2}, {4,8}, {7,11}, {13,14}; corners stand alone.
    const mean = [0, 1.5, 1.5, 3, 6, 7.5, 7.5, 9, 6, 7.5, 7.5, 9, 12, 13.5, 13.5, 15];
    // The mask is -100, not minus infinity: e^-100 of the rest leaks in.
    expectAllClose(out.data, mean, { atol: 1e-12, rtol: 0 });
  });

  test('the bias table is indexed by query minus key', () => {
    // Everything but d = (dy, dx) = (0, 1) is suppressed: each query in the right column attends to its left neighbour.
    const table = generate([9, 1], (i) => (i === (0 + 1) * 3 + (1 + 1) ? 1000 : 0));
    const out = ops.windowAttention(numbered(2), table, { size: 2, window: 2, heads: 1, shift: 0 });
    expectAllClose(out.data, [1.5, 0, 1.5, 2], { atol: 1e-12, rtol: 0 });
  });

  test('scores are q.k / sqrt(width), head by head', () => {
    // One window of 1x1 would hide scores, so 2x2 with 2 heads of width 1; q and k nonzero in head 1 of tokens 0 and 3.
    const values = Array<number>(4 * 6).fill(0);
    values[0 * 6 + 1] = 2; // q of token 0, head 1
    values[3 * 6 + 3] = 3; // k of token 3, head 1
    for (let token = 0; token < 4; token++) values[token * 6 + 5] = token; // v, head 1
    for (let token = 0; token < 4; token++) values[token * 6 + 4] = token; // v, head 0
    const out = ops.windowAttention(tensor([1, 4, 6], values), zeroTable(2, 2), {
      size: 2,
      window: 2,
      heads: 2,
      shift: 0,
    });
    const e = Math.exp(6);
    expectAllClose([out.data[0], out.data[1]] as number[], [1.5, (0 + 1 + 2 + 3 * e) / (3 + e)], EXACT);
  });
});

test('mergePatches concatenates (0,0), (1,0), (0,1), (1,1)', () => {
  const out = ops.mergePatches(
    generate([1, 16, 1], (i) => i),
    4,
  );
  expect(out.shape).toEqual([1, 4, 4]);
  expect([...out.data]).toEqual([0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]);
});

test('averagePool, meanTokens, maxTokens reduce tokens, channel by channel', () => {
  const x = generate([1, 16, 2], (i) => (i % 2 === 0 ? i / 2 : -i)); // channel 0 counts tokens
  const pooled = ops.averagePool(x, 4, 2);
  expect(pooled.shape).toEqual([1, 4, 2]);
  expect([...pooled.data].filter((_, i) => i % 2 === 0)).toEqual([2.5, 4.5, 10.5, 12.5]);
  expect([...ops.meanTokens(x).data]).toEqual([7.5, -16]);
  expect([...ops.maxTokens({ shape: [1, 1, 16, 2], data: x.data }).data]).toEqual([15, -1]);
});

test('conv3x3 pads with zeros and reads filters as [ky][kx]', () => {
  const x = generate([1, 9, 1], (i) => i + 1);
  // Subnet 0 shifts the map: output = pixel below-right; subnet 1 sums the neighbourhood.
  const weight = tensor([2, 1, 1, 3, 3], [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  const out = ops.conv3x3(x, weight, 3);
  expect(out.shape).toEqual([2, 1, 9, 1]);
  expect([...out.data]).toEqual([5, 6, 0, 8, 9, 0, 0, 0, 0, 12, 21, 16, 27, 45, 33, 24, 39, 28]);
});

test('concat joins channels of parts of different widths', () => {
  const out = ops.concat([tensor([2, 1], [1, 2]), tensor([2, 2], [3, 4, 5, 6])]);
  expect(out.shape).toEqual([2, 3]);
  expect([...out.data]).toEqual([1, 3, 4, 2, 5, 6]);
});

test('channelAttention gates by the sum of the two MLPs, each subnet with its own', () => {
  const x = tensor([2, 1, 2, 1], [1, 3, 1, 3]); // mean 2, max 3
  const one = tensor([2, 1, 1], [1, 1]);
  const out = ops.channelAttention(x, {
    fc1: { weight: one, bias: tensor([2, 1], [0, -2.5]) }, // subnet 1: relu(2 - 2.5) = 0, relu(3 - 2.5) = 0.5
    fc2: { weight: one, bias: tensor([2, 1], [0, 0.25]) },
  });
  const [a, b] = [1 / (1 + Math.exp(-5)), 1 / (1 + Math.exp(-1))]; // 2 + 3; 0.25 + (0.5 + 0.25)
  expectAllClose(out.data, [a, 3 * a, b, 3 * b], EXACT);
});

test('batchNorm uses running statistics, each subnet its own', () => {
  const stack = (...values: number[]) => tensor([2, 1], values);
  const out = ops.batchNorm(tensor([2, 2, 1], [1, 2, 1, 2]), {
    weight: stack(1, 2),
    bias: stack(0, 5),
    running_mean: stack(1, 0),
    running_var: stack(4, 1),
  });
  const [a, b] = [1 / Math.sqrt(4 + BATCH_NORM_EPSILON), 2 / Math.sqrt(1 + BATCH_NORM_EPSILON)];
  expectAllClose(out.data, [0, a, 5 + b, 5 + 2 * b], EXACT);
});

test('taskOutputs reads the subnet that each row names', () => {
  const x = tensor([2, 2, 1], [1, 2, 10, 20]); // S = 2, B = 2
  const out = ops.taskOutputs(x, { weight: tensor([3, 1], [1, 1, 2]), bias: tensor([3], [0, 0, 1]) }, [0, 1, 1]);
  expect(out.shape).toEqual([2, 3]);
  expect([...out.data]).toEqual([1, 10, 21, 2, 20, 41]);
});

test('convolution: padding on the named sides, stride, and filters read as [input][ky][kx]', () => {
  const x = generate([1, 12, 1], (i) => i + 1); // 3 rows of 4: 1 2 3 4 / 5 6 7 8 / 9 10 11 12
  // Output 0 takes the window's bottom-right token, output 1 sums the window.
  const weights = { weight: tensor([2, 1, 2, 2], [0, 0, 0, 1, 1, 1, 1, 1]), bias: tensor([2], [0.5, 0]) };
  const out = ops.convolution(x, weights, {
    sides: [3, 4],
    kernel: [2, 2],
    stride: 2,
    padding: { top: 0, right: 1, bottom: 1, left: 1 },
    groups: 1,
  });
  // Rows 0-1 and 2-3 (the last beyond the map), columns (-1)-0, 1-2, 3-4.
  expect(out.shape).toEqual([1, 6, 2]);
  expect([...out.data]).toEqual([5.5, 6, 7.5, 18, 0.5, 12, 0.5, 9, 0.5, 21, 0.5, 12]);
});

test('convolution of groups reads the inputs of its own group', () => {
  const x = tensor([1, 1, 4], [1, 10, 100, 1000]);
  const shape = {
    sides: [1, 1],
    kernel: [1, 1],
    stride: 1,
    padding: { top: 0, right: 0, bottom: 0, left: 0 },
  } as const;
  const two = ops.convolution(x, { weight: tensor([2, 2, 1, 1], [1, 2, 3, 4]) }, { ...shape, groups: 2 });
  expect([...two.data]).toEqual([21, 4300]);
  const own = ops.convolution(x, { weight: tensor([4, 1, 1, 1], [1, 2, 3, 4]) }, { ...shape, groups: 4 });
  expect([...own.data]).toEqual([1, 20, 300, 4000]);
});

test('imageTokens interleaves planes, padChannels appends zeros', () => {
  const image = generate([1, 2, 1, 3], (i) => i); // planes 0 1 2 and 3 4 5
  expect([...ops.imageTokens(image).data]).toEqual([0, 3, 1, 4, 2, 5]);
  expect([...ops.padChannels(tensor([1, 2, 1], [7, 8]), 3).data]).toEqual([7, 0, 0, 8, 0, 0]);
});

test('prelu and silu are elementwise', () => {
  expect([...ops.prelu(tensor([1, 2, 2], [-2, -2, 3, 3]), tensor([2], [0.5, -1])).data]).toEqual([-1, 2, 3, 3]);
  expectAllClose(ops.silu(tensor([2], [0, 2])).data, [0, 2 / (1 + Math.exp(-2))], EXACT);
});

test('maxPool leaves padding out, so that it never beats a negative value', () => {
  const x = generate([1, 9, 1], (i) => -1 - i);
  const padding = { top: 1, right: 0, bottom: 0, left: 1 };
  const out = ops.maxPool(x, { sides: [3, 3], kernel: [2, 2], stride: 2, padding });
  expect([...out.data]).toEqual([-1, -2, -4, -5]);
});

test('resizeBilinear reads between pixel centres and repeats the border', () => {
  const out = ops.resizeBilinear(tensor([1, 2, 1], [0, 4]), [1, 2], [1, 4]);
  // Centres of four in the coordinates of two: -0.25, 0.25, 0.75, 1.25.
  expect([...out.data]).toEqual([0, 1, 3, 4]);
});

test('squeezeExcite gates each channel by the mean over the tokens', () => {
  const x = tensor([1, 2, 2], [1, 0, 3, 0]); // means 2 and 0
  const out = ops.squeezeExcite(x, {
    reduce: { weight: tensor([1, 2], [1, 0]), bias: tensor([1], [0]) },
    expand: { weight: tensor([2, 1], [1, 0]), bias: tensor([2], [0, 1]) },
  });
  const gate = 1 / (1 + Math.exp(-2 / (1 + Math.exp(-2))));
  expectAllClose(out.data, [gate, 0, 3 * gate, 0], EXACT);
});

test('pyramidMax gives the maximum of the whole, then of each block of 2 x 2, blocks that overlap where sides are odd', () => {
  const x = generate([1, 9, 1], (i) => i);
  expect([...ops.pyramidMax(x, [3, 3], 2).data]).toEqual([8, 4, 5, 7, 8]);
});
