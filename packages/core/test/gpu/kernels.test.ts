import type { HostTensor, LayerNormWeights, LinearWeights } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/executors/webgpu/lower.js';
import type { Storage } from '../../src/executors/webgpu/storage.js';
import {
  numbers,
  type Piece,
  planOf,
  referenceAndShapeOf,
  referenceOf,
  runCounts,
  runPiece,
  testDevice,
} from './harness.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => device.destroy());

type Weight<T> = (name: string, shape: readonly number[]) => T;
const norm = <T>(weight: Weight<T>, width: number): LayerNormWeights<T> => ({
  weight: weight('norm.weight', [width]),
  bias: weight('norm.bias', [width]),
});
const layer = <T>(weight: Weight<T>, name: string, shape: readonly number[]): LinearWeights<T> => ({
  weight: weight(`${name}.weight`, shape),
  bias: weight(`${name}.bias`, shape.slice(0, -1)),
});

interface Case {
  readonly name: string;
  readonly piece: Piece;
  /** Shape of the input for a number of faces; `face` is the axis of the faces in input and output. */
  readonly input: (faces: number) => HostTensor;
  readonly kernels: number;
  /** Of the outcome's sums in float32, all of order 1 with fewer than 1000 terms unless said otherwise. */
  readonly atol?: number;
}

const CASES: readonly Case[] = [
  {
    name: 'linear, 12 -> 20, 5 rows a face',
    piece: (ops, x, weight) => ops.linear(x, layer(weight, 'fc', [20, 12])),
    input: (faces) => numbers([faces, 5, 12]),
    kernels: 1,
  },
  {
    name: 'linear without bias, 68 columns (17 vectors) from one row a face',
    piece: (ops, x, weight) => ops.linear(x, { weight: weight('fc.weight', [68, 4]) }),
    input: (faces) => numbers([faces, 4]),
    kernels: 1,
  },
  {
    name: 'linear, more columns than a workgroup has',
    piece: (ops, x, weight) => ops.linear(x, layer(weight, 'fc', [268, 20])),
    input: (faces) => numbers([faces, 3, 20]),
    kernels: 1,
  },
  {
    name: 'layerNorm -> linear',
    piece: (ops, x, weight) => ops.linear(ops.layerNorm(x, norm(weight, 36)), layer(weight, 'fc', [12, 36])),
    input: (faces) => numbers([faces, 11, 36]),
    kernels: 1,
  },
  {
    name: 'layerNorm of rows far from zero',
    piece: (ops, x, weight) => ops.linear(ops.layerNorm(x, norm(weight, 36)), layer(weight, 'fc', [12, 36])),
    input: (faces) => numbers([faces, 11, 36], 1, 1000),
    kernels: 1,
    // A sum of 36 numbers near 1000 is rounded in steps of 4e-3, their mean is off by 1e-4, their deviation is 0.6.
    // The difference of mean square and squared mean would be off by 0.1.
    atol: 2e-3,
  },
  {
    name: 'layerNorm -> linear -> gelu, from -30 to 30',
    piece: (ops, x, weight) =>
      ops.gelu(ops.linear(ops.layerNorm(x, norm(weight, 4)), { weight: weight('wide', [400, 4]) })),
    input: (faces) => numbers([faces, 3, 4]),
    kernels: 1,
    // erf's approximation is within 1.5e-7, times |x| / 2.
    atol: 2e-5,
  },
  {
    name: 'linear -> relu',
    piece: (ops, x, weight) => ops.relu(ops.linear(x, layer(weight, 'fc', [8, 8]))),
    input: (faces) => numbers([faces, 9, 8]),
    kernels: 1,
  },
  {
    name: 'x + linear(gelu(linear(layerNorm(x))))',
    piece: (ops, x, weight) => {
      const hidden = ops.gelu(ops.linear(ops.layerNorm(x, norm(weight, 12)), layer(weight, 'fc1', [48, 12])));
      return ops.add(x, ops.linear(hidden, layer(weight, 'fc2', [12, 48])));
    },
    input: (faces) => numbers([faces, 7, 12]),
    kernels: 2,
  },
  {
    name: 'mergePatches -> layerNorm -> linear, 6 x 6 tokens',
    piece: (ops, x, weight) =>
      ops.linear(ops.layerNorm(ops.mergePatches(x, 6), norm(weight, 80)), { weight: weight('reduction', [40, 80]) }),
    input: (faces) => numbers([faces, 36, 20]),
    kernels: 1,
  },
  {
    name: 'mergePatches -> linear',
    piece: (ops, x, weight) => ops.linear(ops.mergePatches(x, 2), layer(weight, 'fc', [12, 16])),
    input: (faces) => numbers([faces, 4, 4]),
    kernels: 1,
  },
  {
    name: 'patchEmbed -> layerNorm, patches of 2',
    piece: (ops, x, weight) => ops.layerNorm(ops.patchEmbed(x, layer(weight, 'proj', [12, 3, 2, 2])), norm(weight, 12)),
    input: (faces) => numbers([faces, 3, 10, 10]),
    kernels: 1,
    atol: 1e-4, // Deviations of 12 values can be small, and are divided by.
  },
  {
    name: 'patchEmbed without bias -> layerNorm, patches of 4',
    piece: (ops, x, weight) =>
      ops.layerNorm(ops.patchEmbed(x, { weight: weight('proj.weight', [40, 3, 4, 4]) }), norm(weight, 40)),
    input: (faces) => numbers([faces, 3, 16, 16]),
    kernels: 1,
  },
  ...(
    [
      { size: 7, heads: 1, width: 8, shift: 0 },
      { size: 14, heads: 3, width: 12, shift: 0 },
      { size: 14, heads: 2, width: 24, shift: 3 },
      { size: 21, heads: 1, width: 32, shift: 3 },
    ] as const
  ).map(
    ({ size, heads, width, shift }): Case => ({
      name: `windowAttention, ${size} x ${size}, ${heads} heads of ${width}, shift ${shift}`,
      piece: (ops, x, weight) => {
        const table = weight('relative_position_bias_table', [169, heads]);
        return ops.windowAttention(x, table, { size, window: 7, heads, shift });
      },
      input: (faces) => numbers([faces, size * size, 3 * heads * width], 2),
      kernels: 1,
    }),
  ),
  {
    name: 'windowAttention whose scores reach hundreds',
    piece: (ops, x, weight) => {
      const table = weight('relative_position_bias_table', [169, 2]);
      return ops.windowAttention(x, table, { size: 7, window: 7, heads: 2, shift: 0 });
    },
    input: (faces) => numbers([faces, 49, 48], 40),
    kernels: 1,
    // Scores near 1000 are known to 6e-5 in float32, which a softmax over values of 40 turns into as much of 40.
    atol: 2e-2,
  },
  {
    name: 'averagePool 14 -> 7',
    piece: (ops, x) => ops.averagePool(x, 14, 2),
    input: (faces) => numbers([faces, 196, 12]),
    kernels: 1,
  },
  {
    name: 'averagePool 12 -> 3',
    piece: (ops, x) => ops.averagePool(x, 12, 4),
    input: (faces) => numbers([faces, 144, 4]),
    kernels: 1,
  },
  ...[12, 300].map(
    (width): Case => ({
      name: `layerNorm -> meanTokens, ${width} channels`,
      piece: (ops, x, weight) => ops.meanTokens(ops.layerNorm(x, norm(weight, width))),
      input: (faces) => numbers([faces, 49, width]),
      kernels: 1,
    }),
  ),
  ...[1, 3].flatMap((subnets): Case[] => [
    {
      name: `conv3x3 of two levels, side by side, ${subnets} subnets`,
      piece: (ops, x, weight) =>
        ops.concat([
          ops.conv3x3(x, weight('convs.0', [subnets, 7, 8, 3, 3]), 7),
          ops.conv3x3(x, weight('convs.1', [subnets, 5, 8, 3, 3]), 7),
        ]),
      input: (faces) => numbers([faces, 49, 8]),
      kernels: 2,
    },
    {
      name: `channelAttention -> relu -> maxTokens, ${subnets} subnets`,
      piece: (ops, x, weight) => {
        const weights = {
          fc1: layer(weight, 'mlp.1', [subnets, 3, 268]),
          fc2: layer(weight, 'mlp.3', [subnets, 268, 3]),
        };
        return ops.maxTokens(ops.relu(ops.channelAttention(x, weights)));
      },
      input: (faces) => numbers([subnets, faces, 49, 268]),
      kernels: 1,
    },
    {
      name: `stacked linear -> relu, ${subnets} subnets`,
      piece: (ops, x, weight) => ops.relu(ops.linear(x, layer(weight, 'tss', [subnets, 20, 12]))),
      input: (faces) => numbers([subnets, faces, 12]),
      kernels: 1,
    },
    {
      name: `taskOutputs, ${subnets} subnets`,
      piece: (ops, x, weight) => {
        const rows = [0, 0, subnets - 1, subnets >> 1, subnets - 1];
        return ops.taskOutputs(x, layer(weight, 'output_fcs', [5, 24]), rows);
      },
      input: (faces) => numbers([subnets, faces, 24]),
      kernels: 1,
    },
  ]),
];

const variantsOf = ({ kernels }: Plan): string[] => [
  ...new Set(kernels.flatMap(({ variants }) => variants.map(({ name }) => name))),
];

/** 9 faces of one row each are more than a tile of 8 rows, 17 more than one of 16. */
const FACE_COUNTS = [1, 3, 9, 17];
const MOST_FACES = 17;

/** The elements of the first `faces` of {@link MOST_FACES} faces, whose axis no other is as long as. */
function firstFaces(values: ArrayLike<number>, shape: readonly number[], faces: number): number[] {
  const axis = shape.indexOf(MOST_FACES);
  expect(shape.lastIndexOf(MOST_FACES), `axis of the faces in [${shape}]`).toBe(axis);
  const inner = shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  return Array.from(values).filter((_, index) => Math.floor(index / inner) % MOST_FACES < faces);
}

const HALF_BARS = { atol: 2e-3, rtol: 2e-3 };

describe.each(CASES)('$name', ({ piece, input, kernels, atol = 5e-6 }) => {
  const variants = variantsOf(planOf(piece, input(1).shape, 1));
  const check = async (faces: number, variant: string, storage: Storage) => {
    const x = input(faces);
    expect(planOf(piece, x.shape, faces, storage).kernels).toHaveLength(kernels);
    const actual = await runPiece(device, piece, x, faces, { variant, storage });
    expectAllClose(actual, referenceOf(piece, x, storage), { atol, rtol: 1e-5 });
  };
  test('buffers for a single face', () => check(1, '', 'f32'));
  let most: { x: HostTensor; expected: Float64Array; shape: readonly number[] } | undefined;
  test.each(variants)('%s', async (variant) => {
    // The reference of so many faces takes longer than the kernels: once for all variants.
    most ??= { x: input(MOST_FACES), ...referenceAndShapeOf(piece, input(MOST_FACES)) };
    const { x, expected, shape } = most;
    expect(planOf(piece, x.shape, MOST_FACES).kernels).toHaveLength(kernels);
    // Ascending, so that no face passes by what an earlier run has left in the buffer.
    const runs = await runCounts(device, piece, x, FACE_COUNTS, variant);
    for (const [index, actual] of runs.entries()) {
      const faces = FACE_COUNTS[index] ?? 0;
      const of = (values: ArrayLike<number>) => firstFaces(values, shape, faces);
      expectAllClose(of(actual), of(expected), { atol, rtol: 1e-5, label: `${faces} faces` });
    }
  });
  const stored = variants.includes('alone8') || piece.toString().includes('conv3x3') ? variants : [];
  test.each(stored.flatMap((variant) => (['f16', 'int8'] as const).map((storage) => ({ variant, storage }))))(
    '$variant, weights stored as $storage',
    ({ variant, storage }) => check(3, variant, storage),
  );
  const halves = variantsOf(planOf(piece, input(1).shape, 1, 'f16')).filter((variant) => variant.endsWith('.f16'));
  // Where the adapter has no half-precision arithmetic the default is computed, and passes all the more.
  test.each(halves)('%s', async (variant) => {
    const x = input(3);
    const actual = await runPiece(device, piece, x, 3, { variant, storage: 'f16' });
    // Eleven bits in operands and in sums of a few products, which float32 adds up. Measured on Mesa's lavapipe: see the bars.
    expectAllClose(actual, referenceOf(piece, x, 'f16'), HALF_BARS);
  });
});

test('faces past the count are left alone, the others are the same bits whatever the count', async () => {
  const piece: Piece = (ops, x, weight) => {
    const mixed = ops.linear(ops.layerNorm(x, norm(weight, 12)), layer(weight, 'fc', [20, 12]));
    return ops.meanTokens(ops.layerNorm(mixed, norm(weight, 20)));
  };
  const x = numbers([4, 5, 12]);
  const all = await runPiece(device, piece, x, 4);
  const some = await runPiece(device, piece, x, 4, { faces: 3 });
  expect([...some.subarray(0, 3 * 20)]).toEqual([...all.subarray(0, 3 * 20)]);
  expect([...some.subarray(3 * 20)]).toEqual(Array(20).fill(0));
});

test('a dispatch of more workgroups than one dimension holds is folded', async () => {
  const side = 1024; // 1024 * 1024 * 4 vectors / 64 = 65536 workgroups, one more than the limit
  const x = numbers([1, side * side, 16]);
  expect(planOf((ops, y) => ops.averagePool(y, side, 1), x.shape, 1).kernels[0]?.variants[0].workgroups(1)).toBe(65536);
  const y = await runPiece(device, (ops, z) => ops.averagePool(z, side, 1), x, 1);
  expect(y.length).toBe(x.data.length);
  expect(y.findIndex((value, i) => value !== x.data[i])).toBe(-1);
});

describe('refuses with a typed error', () => {
  const plan = (piece: Piece, shape: readonly number[]) => () => planOf(piece, shape, 1);
  test('an operation that no kernel computes where it stands', () => {
    const internal = expect.objectContaining({ code: 'INTERNAL' });
    expect(plan((ops, x) => ops.maxTokens(x), [1, 1, 4, 4])).toThrow(internal);
    expect(plan((ops, x) => ops.mergePatches(x, 2), [1, 4, 4])).toThrow(/mergePatches/);
  });
  test('what two others read, where only a fused kernel could compute it', () => {
    const shared: Piece = (ops, x, weight) => {
      const y = ops.mergePatches(x, 2);
      return ops.add(y, ops.linear(y, layer(weight, 'fc', [16, 16])));
    };
    expect(plan(shared, [1, 4, 4])).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
  test('weights that are not folded', () => {
    const piece: Piece = (ops, x, weight) =>
      ops.batchNorm(x, {
        ...norm(weight, 4),
        running_mean: weight('running_mean', [4]),
        running_var: weight('running_var', [4]),
      });
    expect(plan(piece, [1, 4])).toThrow(/not folded/);
  });
  test('widths that are not multiples of four, token maps and windows of another size, wide heads', () => {
    const invalid = expect.objectContaining({ code: 'INVALID_INPUT' });
    const narrow: Piece = (ops, x, weight) =>
      ops.linear(ops.layerNorm(x, norm(weight, 6)), layer(weight, 'fc', [4, 6]));
    expect(plan(narrow, [1, 6])).toThrow(invalid);
    expect(plan((ops, x) => ops.averagePool(x, 2, 1), [1, 4, 6])).toThrow(invalid);
    const conv: Piece = (ops, x, weight) => ops.concat([ops.conv3x3(x, weight('conv', [1, 4, 4, 3, 3]), 8)]);
    expect(plan(conv, [1, 64, 4])).toThrow(invalid);
    const attention =
      (window: number): Piece =>
      (ops, x, weight) => {
        const table = weight('table', [(2 * window - 1) ** 2, 1]);
        return ops.windowAttention(x, table, { size: window, window, heads: 1, shift: 0 });
      };
    expect(plan(attention(8), [1, 64, 12])).toThrow(/windows of 7 x 7/);
    expect(plan(attention(7), [1, 49, 3 * 36])).toThrow(/at most 32 channels/);
    expect(plan(attention(7), [1, 49, 3 * 6])).toThrow(invalid);
  });
});
