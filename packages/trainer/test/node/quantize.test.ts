import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  arrange,
  dequantizeRows,
  type HostTensor,
  type LinearWeights,
  networkOf,
  packModel,
  placedTasks,
  quantizeRows,
  RECOGNITION,
  selectOutputs,
  storedAs,
} from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { ReferenceOps, type ReferenceTensor, runReference, toReference } from '@swinface/core/reference';
import { expectAllClose, syntheticInput, syntheticWeights } from '@swinface/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/data/random.js';
import type { Predictions } from '../../src/evaluate/predict.js';
import { compareRoundings } from '../../src/quantize/compare.js';
import { effect, mostChanged } from '../../src/quantize/effects.js';
import { calibrationImages, chooseFaces, spread } from '../../src/quantize/faces.js';
import { factorize } from '../../src/quantize/factorize.js';
import { inputMoments } from '../../src/quantize/moments.js';
import { normalizeWeights } from '../../src/quantize/normalize.js';
import { quantize } from '../../src/quantize/quantize.js';
import { prepareMoments, roundMatrix } from '../../src/quantize/rounding.js';
import { TINY } from './support/tiny.js';

const selection = selectOutputs(TINY);

/** Synthetic weights with what real ones have: channels that never vary, negative and vanishing scales. */
function awkwardWeights(): Map<string, HostTensor> {
  const weights = new Map(syntheticWeights(TINY));
  const change = (name: string, value: (before: number, i: number) => number) => {
    const { shape, data } = weights.get(name) as HostTensor;
    weights.set(name, { shape, data: data.map(value) });
  };
  for (let s = 0; s < TINY.subnets.length; s++) {
    change(`fam.nets.${s}.norm.running_var`, (v, i) => (i % 3 === 0 ? 0 : 900 * v));
    change(`fam.nets.${s}.norm.weight`, (v, i) => (i === 5 || s === 3 ? 0 : i === 7 ? 1e-12 : i % 4 === 1 ? -v : v));
  }
  change('backbone.layers.0.downsample.norm.weight', (v, i) => (i % 2 ? -v : 3 * v));
  change('backbone.layers.1.downsample.norm.weight', (v, i) => (i === 4 ? 0 : v));
  change('backbone.layers.2.blocks.0.norm1.weight', (v, i) => (i === 2 ? 0 : v));
  return weights;
}

describe('normalizeWeights', () => {
  const weights = awkwardWeights();
  const normal = normalizeWeights(TINY, weights);

  test('leaves every output as it was', () => {
    const image = syntheticInput('normalize', [2, 3, TINY.image, TINY.image]);
    const before = runReference(networkOf(selection), weights, image);
    const after = runReference(networkOf(selection), normal, image);
    // Weights are rounded to float32 after each product; channels that never vary multiply that by 200 in the subnets.
    expectAllClose(after.embedding?.data ?? [], before.embedding?.data ?? [], {
      atol: 1e-5,
      rtol: 1e-5,
      label: 'embedding',
    });
    const largest = Math.max(...(before.logits?.data ?? []).map(Math.abs));
    expectAllClose(after.logits?.data ?? [], before.logits?.data ?? [], {
      atol: 1e-5 * largest,
      rtol: 0,
      label: 'logits',
    });
  });

  test('channels that hardly vary do not stand out in the columns behind their BatchNorm', () => {
    for (const s of [0, 6]) {
      const name = `tss.nets.${s}.feature.0.weight`;
      const [before, after] = [weights.get(name)?.data, normal.get(name)?.data];
      const ratio = Array.from({ length: TINY.feature }, (_, c) => Math.abs((after?.[c] ?? 0) / (before?.[c] ?? 0)));
      const [middle = 0] = ratio;
      // All by one factor; the two channels with hardly any weight vanish.
      for (const [c, value] of ratio.entries()) {
        if (c === 5 || c === 7) expect(value).toBeLessThan(1e-6 * middle);
        else expect(value / middle).toBeCloseTo(1, 5);
      }
    }
  });

  test('has the same tensors of the same shapes, and leaves its input alone', () => {
    expect([...normal.keys()]).toEqual([...weights.keys()]);
    for (const [name, { shape, data }] of normal) {
      expect(shape, name).toEqual(weights.get(name)?.shape);
      expect(data.every(Number.isFinite), name).toBe(true);
    }
    expect(weights).toEqual(awkwardWeights());
  });

  test('what engines fold afterwards is already folded: rounding before and after are the same steps', () => {
    const rounded = new Map(
      [...normal].map(([name, tensor]) => [
        name,
        storedAs(name, tensor.shape, 'I8') === 'I8' ? dequantizeRows(quantizeRows(tensor)) : tensor,
      ]),
    );
    const folded = arrange(networkOf(selection).folded, rounded);
    const embed = quantizeRows(folded.get('recognition.feature.0.weight') as HostTensor);
    expect(embed.values).toEqual(quantizeRows(normal.get('backbone.feature.2.weight') as HostTensor).values);
    const size = TINY.feature ** 2;
    for (let s = 0; s < TINY.subnets.length; s++) {
      const data = folded.get('subnets.tss.0.weight')?.data.subarray(s * size, (s + 1) * size) ?? new Float32Array();
      const own = quantizeRows(normal.get(`tss.nets.${s}.feature.0.weight`) as HostTensor);
      expect(quantizeRows({ shape: own.shape, data }).values).toEqual(own.values);
    }
    for (const [name, { data }] of normal) {
      const kept = name === 'backbone.layers.1.downsample.norm.weight'; // holds a zero, which has no inverse
      if (/norm\d?\.weight$/.test(name) && name !== 'backbone.patch_embed.norm.weight' && !kept) {
        expect(new Set(data), name).toEqual(new Set([1]));
      }
    }
  });
});

/** K correlated inputs: rows of a random mixing matrix times noise, and what they sum to. */
function correlated(columns: number, samples: number, seed: number): { x: Float64Array; moments: Float32Array } {
  const random = new Random(seed);
  const mix = Float64Array.from({ length: columns * columns }, () => random.normal() / Math.sqrt(columns));
  const x = new Float64Array(samples * columns);
  for (let n = 0; n < samples; n++) {
    const noise = Float64Array.from({ length: columns }, () => random.normal());
    for (let i = 0; i < columns; i++) {
      let sum = 0.5 * (i % 3);
      for (let j = 0; j < columns; j++) sum += (mix[i * columns + j] as number) * (noise[j] as number);
      x[n * columns + i] = sum;
    }
  }
  const moments = new Float32Array(columns * columns);
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let n = 0; n < samples; n++) sum += (x[n * columns + i] as number) * (x[n * columns + j] as number);
      moments[i * columns + j] = sum;
    }
  }
  return { x, moments };
}

describe('factorize', () => {
  test.each([
    [1, 4],
    [2, 9],
    [7, 3], // of rank 3: damping alone keeps it definite
    [33, 100],
  ])('%i columns: L D L^T is the damped matrix', (size, samples) => {
    const { moments } = correlated(size, samples, size);
    const damping = 0.3;
    const { order, lower } = factorize(moments, size, damping);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, i) => i));
    // D is not kept; e^T L D L^T e = e^T A e for unit vectors gives it back from the last to the first.
    const a = (i: number, j: number) =>
      (moments[(order[i] as number) * size + (order[j] as number)] as number) + (i === j ? damping : 0);
    const l = (i: number, j: number) => (i === j ? 1 : i > j ? (lower[j * size + i] as number) : 0);
    const d: number[] = [];
    for (let k = 0; k < size; k++) {
      let pivot = a(k, k);
      for (let j = 0; j < k; j++) pivot -= l(k, j) ** 2 * (d[j] as number);
      d.push(pivot);
    }
    const product = Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return d.reduce((sum, pivot, k) => sum + l(i, k) * pivot * l(j, k), 0);
    });
    const expected = product.map((_, at) => a(Math.floor(at / size), at % size));
    const scale = Math.max(...expected.map(Math.abs));
    expectAllClose(product, expected, { atol: 1e-9 * scale, rtol: 0, label: 'L D L^T' });
    expect(Math.min(...d)).toBeGreaterThan(0);
  });
});

/** Inverse by Gauss-Jordan elimination. */
function inverse(matrix: Float64Array, size: number): Float64Array {
  const a = matrix.slice();
  const b = Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  for (let k = 0; k < size; k++) {
    const pivot = a[k * size + k] as number;
    for (let j = 0; j < size; j++) {
      a[k * size + j] = (a[k * size + j] as number) / pivot;
      b[k * size + j] = (b[k * size + j] as number) / pivot;
    }
    for (let i = 0; i < size; i++) {
      if (i === k) continue;
      const factor = a[i * size + k] as number;
      for (let j = 0; j < size; j++) {
        a[i * size + j] = (a[i * size + j] as number) - factor * (a[k * size + j] as number);
        b[i * size + j] = (b[i * size + j] as number) - factor * (b[k * size + j] as number);
      }
    }
  }
  return b;
}

/**
 * Optimal brain quantization, plainly: round one weight, move all that are left to the minimum of the remaining quadratic
 * (w_rest -= (w_q - round(w_q)) / (A^-1)_qq * (A^-1)_rest,q with A the moments of what is left), and so on.
 */
function plainCompensation(
  row: Float32Array,
  moments: Float64Array,
  order: readonly number[],
  round: (value: number, column: number) => number,
): number[] {
  const size = row.length;
  const weights = Array.from(row);
  const rounded = new Array<number>(size);
  for (const [done, column] of order.entries()) {
    const left = order.slice(done);
    const part = Float64Array.from(left.flatMap((i) => left.map((j) => moments[i * size + j] as number)));
    const inv = inverse(part, left.length);
    const value = round(weights[column] as number, column);
    const error = (weights[column] as number) - value;
    rounded[column] = value;
    left.forEach((other, k) => {
      weights[other] = (weights[other] as number) - (error * (inv[k * left.length] as number)) / (inv[0] as number);
    });
  }
  return rounded;
}

describe('roundMatrix', () => {
  test('to the nearest in 8 bits is the quantizer of the file', () => {
    for (const shape of [
      [1, 1],
      [3, 7],
      [5, 3, 3, 3],
      [17, 31],
    ]) {
      const tensor = syntheticInput(`round ${shape}`, shape);
      expect(roundMatrix(tensor, { bits: 8, clip: false }).data).toEqual(dequantizeRows(quantizeRows(tensor)).data);
    }
  });

  test('in groups of 4 bits each group has its own step', () => {
    const tensor = syntheticInput('groups', [3, 10]);
    const { data } = roundMatrix(tensor, { bits: 4, group: 4, clip: false });
    for (let r = 0; r < 3; r++) {
      for (const [from, to] of [
        [0, 4],
        [4, 8],
        [8, 10],
      ] as const) {
        const group = Array.from(tensor.data.subarray(r * 10 + from, r * 10 + to));
        const step = Math.fround(Math.max(...group.map(Math.abs)) / 7);
        const expected = group.map((v) => Math.fround(Math.sign(v) * Math.floor(Math.abs(v) / step + 0.5) * step));
        expectAllClose(data.subarray(r * 10 + from, r * 10 + to), expected, { atol: 0, rtol: 0 });
      }
    }
  });

  test('compensated, is optimal brain quantization done plainly', () => {
    // An odd number of rows and columns, more rows than are rounded together.
    const [rows, columns] = [19, 13];
    const { moments } = correlated(columns, 60, 2);
    const prepared = prepareMoments(moments, columns, true);
    const tensor = syntheticInput('compensated', [rows, columns]);
    const { data } = roundMatrix(tensor, { bits: 8, clip: false }, prepared);
    const trace = Array.from({ length: columns }, (_, i) => moments[i * columns + i] as number);
    const damping = (0.01 * trace.reduce((a, b) => a + b)) / columns;
    const damped = Float64Array.from(moments, (v, i) => v + (i % (columns + 1) === 0 ? damping : 0));
    const order = trace.map((_, i) => i).sort((a, b) => (trace[b] as number) - (trace[a] as number));
    for (let r = 0; r < rows; r++) {
      const row = tensor.data.subarray(r * columns, (r + 1) * columns);
      const largest = Math.max(...row.map(Math.abs));
      const step = Math.fround(largest / 127);
      const round = (value: number, column: number) => {
        const own = row[column] as number;
        if (Math.abs(own) === largest) return Math.sign(own) * 127 * step;
        return Math.sign(value) * Math.min(127, Math.floor(Math.abs(value) / step + 0.5)) * step;
      };
      const expected = plainCompensation(row, damped, order, round);
      // The same multiples of the step, in float32.
      expectAllClose(data.subarray(r * columns, (r + 1) * columns), expected, {
        atol: 0,
        rtol: 2 ** -23,
        label: `${r}`,
      });
    }
  });

  test('compensated, errs less in its outputs, and lies on a grid that rounding again keeps', () => {
    const [rows, columns, samples] = [24, 40, 500];
    const { x, moments } = correlated(columns, samples, 3);
    const tensor = syntheticInput('outputs', [rows, columns]);
    const error = ({ data }: HostTensor) => {
      let sum = 0;
      for (let r = 0; r < rows; r++) {
        for (let n = 0; n < samples; n++) {
          let gap = 0;
          for (let k = 0; k < columns; k++) {
            const at = r * columns + k;
            gap += ((data[at] as number) - (tensor.data[at] as number)) * (x[n * columns + k] as number);
          }
          sum += gap * gap;
        }
      }
      return sum;
    };
    for (const clip of [false, true]) {
      const nearest = roundMatrix(tensor, { bits: 8, clip });
      const compensated = roundMatrix(tensor, { bits: 8, clip }, prepareMoments(moments, columns, true));
      expect(error(compensated)).toBeLessThan(0.5 * error(nearest));
      const again = dequantizeRows(quantizeRows(compensated));
      expectAllClose(again.data, compensated.data, { atol: 0, rtol: 2 ** -22, label: 'rounded again' });
    }
  });

  test('a row of zeros and inputs that never come leave finite weights', () => {
    const data = Float32Array.of(0, 0, 0, 1, -2, 0.5);
    const moments = prepareMoments(new Float32Array(9), 3, true);
    const rounded = roundMatrix({ shape: [2, 3], data }, { bits: 8, clip: true }, moments);
    expect([...rounded.data.subarray(0, 3)]).toEqual([0, 0, 0]);
    expect(rounded.data.every(Number.isFinite)).toBe(true);
    expect(rounded.data[4]).toBeCloseTo(-2, 5);
  });
});

test('inputMoments sums x x^T of exactly what each matrix reads', async () => {
  const weights = syntheticWeights(TINY);
  const images = syntheticInput('moments', [8, 3, TINY.image, TINY.image]);
  const known = await inputMoments(TINY, weights, images.data, 1);

  // The same in float64: every call of linear and conv3x3 with the tensor that came as its weight.
  const expected = new Map<ReferenceTensor, Float64Array[]>();
  const record = (weight: ReferenceTensor, rows: Float64Array[]) => {
    const width = rows[0]?.length ?? 0;
    const sum = new Float64Array(width * width);
    for (const row of rows) {
      for (let i = 0; i < width; i++)
        for (let j = 0; j < width; j++) {
          sum[i * width + j] = (sum[i * width + j] as number) + (row[i] as number) * (row[j] as number);
        }
    }
    expected.set(weight, [...(expected.get(weight) ?? []), sum]);
  };
  const rowsOf = ({ shape, data }: ReferenceTensor) => {
    const width = shape[shape.length - 1] ?? 1;
    return Array.from({ length: data.length / width }, (_, r) => data.subarray(r * width, (r + 1) * width));
  };
  class Recorder extends ReferenceOps {
    override linear(x: ReferenceTensor, weights: LinearWeights<ReferenceTensor>): ReferenceTensor {
      const rows = rowsOf(x);
      if (weights.weight.shape.length === 2) record(weights.weight, rows);
      else {
        const stacks = weights.weight.shape[0] ?? 1;
        const each = rows.length / stacks;
        for (let s = 0; s < stacks; s++) record(weights.weight, rows.slice(s * each, (s + 1) * each));
      }
      return super.linear(x, weights);
    }
    override conv3x3(x: ReferenceTensor, weight: ReferenceTensor, size: number): ReferenceTensor {
      const [faces, tokens, channels] = x.shape as [number, number, number];
      const rows: Float64Array[] = [];
      for (let b = 0; b < faces; b++) {
        for (let t = 0; t < tokens; t++) {
          rows.push(
            Float64Array.from({ length: channels * 9 }, (_, i) => {
              const [c, tap] = [Math.floor(i / 9), i % 9];
              const [row, column] = [Math.floor(t / size) + Math.floor(tap / 3) - 1, (t % size) + (tap % 3) - 1];
              if (row < 0 || column < 0 || row >= size || column >= size) return 0;
              return x.data[(b * tokens + row * size + column) * channels + c] as number;
            }),
          );
        }
      }
      record(weight, rows);
      return super.conv3x3(x, weight, size);
    }
  }
  const network = networkOf(selection);
  const paths = new Map([...arrange(network, weights)].map(([path, tensor]) => [path, toReference(tensor)]));
  network.forward(new Recorder(), (path) => paths.get(path) as ReferenceTensor, toReference(images));

  const sumOf = (path: string, s: number): Float64Array => {
    const sums = expected.get(paths.get(path) as ReferenceTensor) ?? [];
    const stacks = path.startsWith('subnets.convs') || !path.startsWith('subnets.') ? 1 : TINY.subnets.length;
    const own = sums.filter((_, i) => i % stacks === s % stacks);
    return (own[0] ?? new Float64Array()).map((_, i) => own.reduce((sum, part) => sum + (part[i] as number), 0));
  };
  const checks: [name: string, path: string, subnet: number][] = [
    ['backbone.layers.0.blocks.0.attn.qkv', 'layers.0.blocks.0.attn.qkv', 0],
    ['backbone.layers.0.blocks.1.attn.proj', 'layers.0.blocks.1.attn.proj', 0],
    ['backbone.layers.1.blocks.0.mlp.fc1', 'layers.1.blocks.0.mlp.fc1', 0],
    ['backbone.layers.3.blocks.0.mlp.fc2', 'layers.3.blocks.0.mlp.fc2', 0],
    ['backbone.layers.2.downsample.reduction', 'layers.2.downsample.reduction', 0],
    ['backbone.feature.0', 'recognition.feature.0', 0],
    ['backbone.feature.2', 'recognition.feature.2', 0],
    ['tss.nets.0.feature.0', 'subnets.tss.0', 0],
    ['tss.nets.7.feature.3', 'subnets.tss.1', 7],
    ['tss.nets.4.feature.0', 'subnets.tss.0', 4],
  ];
  for (const [name, path, subnet] of checks) {
    const sum = sumOf(`${path}.weight`, subnet);
    const scale = Math.max(...sum.map(Math.abs));
    // float32 sums of hundreds of products.
    expectAllClose(known.get(`${name}.weight`) ?? [], sum, { atol: 2e-5 * scale, rtol: 0, label: name });
  }
  for (const level of [0, 1, 2, 3]) {
    const sum = sumOf(`subnets.convs.${level}`, 0);
    const scale = Math.max(...sum.map(Math.abs));
    const name = `fam.nets.10.conv.convs.${level}.weight`;
    expectAllClose(known.get(name) ?? [], sum, { atol: 2e-5 * scale, rtol: 0, label: name });
  }
  const rounded = [...weights].filter(([name, { shape }]) => storedAs(name, shape, 'I8') === 'I8');
  for (const [name, { shape, data }] of rounded) {
    expect(known.get(name)?.length, name).toBe((data.length / (shape[0] as number)) ** 2);
  }
  expect(known.size).toBe(rounded.length);
  await expect(inputMoments(TINY, weights, images.data.subarray(0, 5), 1)).rejects.toThrow(/too few/);
});

test('an effect counts what changed, face by face', () => {
  const analysis = (gender: 'female' | 'male', hat: boolean, years: number) => ({
    gender: { label: gender, probabilities: { female: 0.5, male: 0.5 } },
    age: { years },
    attributes: { 'Wearing Hat': hat },
    attributeProbabilities: {},
    extra: {},
  });
  const predictions = (analyses: unknown, embeddings: number[]) =>
    ({ samples: [0, 1, 2, 3], analyses, dims: 2, embeddings: Float32Array.from(embeddings) }) as unknown as Predictions;
  const before = {
    predictions: predictions(
      [
        analysis('female', true, 20),
        analysis('male', true, 30),
        analysis('male', false, 40),
        analysis('male', false, 50),
      ],
      [1, 0, 0, 1, 1, 0, 0.6, 0.8],
    ),
    metrics: { 'faces gender accuracy': 0.75, 'faces age mean absolute error': 5 },
  };
  const after = {
    predictions: predictions(
      [
        analysis('female', false, 20.5),
        analysis('female', true, 29),
        analysis('male', true, 40),
        analysis('male', true, 50),
      ],
      [1, 0, 0.6, 0.8, 1, 0, 0.6, 0.8],
    ),
    metrics: { 'faces gender accuracy': 0.5, 'faces age mean absolute error': 5.25 },
  };
  const found = effect('faces', before, after);
  expect(found).toEqual({
    set: 'faces',
    faces: 4,
    cosine: { mean: 0.95, lowest: 0.8 },
    changed: { Gender: 0.25, 'Wearing Hat': 0.75 },
    age: 0.375,
    metrics: { 'faces gender accuracy': -0.25, 'faces age mean absolute error': 0.25 },
  });
  expect(mostChanged(found)).toEqual(['Wearing Hat', 0.75]);
  expect(effect('faces', before, before)).toMatchObject({ cosine: { lowest: 1 }, changed: { Gender: 0 }, age: 0 });
});

test('faces to calibrate by are of the training part, once in every crop', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swinface-faces-'));
  try {
    const lines: string[] = [];
    for (const [i, value] of [10, 60, 110, 160, 210].entries()) {
      const grey = { width: 40, height: 40, channels: 3 as const, background: { r: value, g: value, b: value } };
      await writeFile(join(folder, `${i}.png`), await sharp({ create: grey }).png().toBuffer());
      lines.push(JSON.stringify({ key: `k${i}`, file: `${i}.png`, split: i === 4 ? 'val' : 'train' }));
    }
    await writeFile(join(folder, 'grey.jsonl'), lines.join('\n'));
    const images = await calibrationImages([join(folder, 'grey.jsonl')], 2, [1, 0.5]);
    const pixels = 3 * 112 * 112;
    const middles = Array.from({ length: images.length / pixels }, (_, i) => images[i * pixels + 56 * 112 + 56] ?? 0);
    const expected = [10, 110, 10, 110].map((value) => (value / 255 - 0.5) / 0.5);
    expectAllClose(middles, expected, { atol: 1e-6, rtol: 0 }); // float32
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('faces to compare on are held out, evenly spread, and whole pairs', () => {
  expect(spread([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 4)).toEqual([0, 2, 5, 7]);
  expect(spread([1, 2], 4)).toEqual([1, 2]);
  const samples = Array.from({ length: 12 }, (_, i) => ({
    key: `k${i}`,
    file: 'x',
    points: null,
    split: i < 4 ? 'train' : 'val',
    identity: `P${Math.floor(i / 2)}`,
    number: i % 2,
  }));
  expect(chooseFaces(samples, 4).map(({ key }) => key)).toEqual(['k4', 'k6', 'k8', 'k10']);
  // P0 is of the training part.
  const pairs = { path: 'pairs.txt', text: '2\nP2 0 1\nP4 0 1\nP3 0 P5 1\nP0 0 P5 0\n' };
  expect(chooseFaces(samples, 12, pairs).map(({ key }) => key)).toEqual(['k4', 'k5', 'k6', 'k8', 'k9', 'k11']);
  expect(chooseFaces(samples, 4, pairs).map(({ key }) => key)).toEqual(['k4', 'k5', 'k8', 'k9']);
});

describe('quantize', () => {
  const config = { ...TINY, name: 'small', image: 112, window: 7, embed: 8, feature: 16, split: [2, 3, 5, 6] as const };
  const weights = syntheticWeights(config);
  const names = placedTasks(config).map(({ task }) => task.name);
  let folder: string;
  let list: string;
  let manifest: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swinface-quantize-'));
    const packed = await packModel(
      'small',
      {
        id: 'small-original',
        config,
        synthetic: true,
        crops: [
          { zoom: 1, outputs: [RECOGNITION, ...names.filter((name) => name !== 'Wearing Hat')] },
          { zoom: 0.8, outputs: ['Wearing Hat'] },
        ],
        calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
        licence: 'for this test only',
        trainingData: ['noise'],
        modelCard: 'small.md',
        metrics: { 'faces age mean absolute error': 1 },
      },
      weights,
      'F32',
    );
    manifest = join(folder, 'small.json');
    await writeFile(manifest, JSON.stringify(packed.manifest));
    await writeFile(join(folder, 'small.md'), '# Model card: small\nTrained on noise.\n');
    for (const [file, bytes] of packed.files) await writeFile(join(folder, file), bytes);
    const random = new Random(5);
    const lines: string[] = [];
    for (let i = 0; i < 16; i++) {
      const noise = Buffer.from(Array.from({ length: 8 * 8 * 3 }, () => random.integer(256)));
      const image = sharp(noise, { raw: { width: 8, height: 8, channels: 3 } }).resize(112, 112);
      await writeFile(join(folder, `k${i}.png`), await image.png().toBuffer());
      lines.push(JSON.stringify({ key: `k${i}`, file: `k${i}.png`, age: 20 + i, split: i < 8 ? 'train' : 'val' }));
    }
    list = join(folder, 'faces.jsonl');
    await writeFile(list, lines.join('\n'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('to int8 writes a model whose passport and card say what changed', async () => {
    const out = join(folder, 'out', 'small-int8');
    const options = { weights: manifest, calibrate: [list], evaluation: [list], threads: 1 };
    const { path, manifest: written } = await quantize({ ...options, to: 'int8', out });
    expect(path).toBe(`${out}.json`);
    const { manifest: read, weights: stored } = await readModelFile(path);
    expect(read).toEqual(written);
    expect(read.id).toMatch(/^small-int8-[0-9a-f]{8}$/);
    expect(read).toMatchObject({ licence: 'for this test only', trainingData: ['noise'], modelCard: 'small-int8.md' });
    expect(read.quantization).toMatchObject({ source: 'small-original', dtype: 'I8', rounding: 'compensated' });
    const [found] = read.quantization?.effects ?? [];
    expect(found).toMatchObject({ set: 'faces', faces: 8 });
    // The bar of int8; random weights on noise are no harder than faces.
    expect(found?.cosine?.lowest).toBeGreaterThan(0.999);
    expect(found?.cosine?.lowest).toBeLessThan(1);
    expect(Object.keys(found?.changed ?? {}).length).toBe(placedTasks(config).length - 1);
    // Every stored matrix is on its grid, within what compensation moves of the normal form.
    const normal = normalizeWeights(config, weights);
    for (const [name, tensor] of stored) {
      if (storedAs(name, tensor.shape, 'I8') !== 'I8') continue;
      const { scales } = quantizeRows(normal.get(name) as HostTensor);
      expectAllClose(quantizeRows(tensor).scales, scales, { atol: 0, rtol: 2 ** -22, label: name });
    }
    const card = await readFile(join(folder, 'out', 'small-int8.md'), 'utf8');
    expect(card).toContain('| faces | 8 | 0.9');
    expect(card).toContain('Trained on noise.');
    expect(card).toContain('faces age mean absolute error ');
    expect(card).toContain(read.id);
  });

  test('to float16 and float32 rounds to the nearest', async () => {
    for (const [to, dtype, rtol] of [
      ['f16', 'F16', 2 ** -11],
      ['f32', 'F32', 0],
    ] as const) {
      const { path } = await quantize({ weights: manifest, to, out: join(folder, to), evaluation: [list], threads: 1 });
      const { manifest: read, weights: stored } = await readModelFile(path);
      expect(read.quantization).toMatchObject({ dtype, rounding: 'nearest' });
      for (const [name, { shape, data }] of normalizeWeights(config, weights)) {
        const exact = shape.length < 2;
        expectAllClose(stored.get(name)?.data ?? [], data, {
          atol: exact ? 0 : 2 ** -25,
          rtol: exact ? 0 : rtol,
          label: name,
        });
      }
      // Half precision: the bar of float16.
      expect(read.quantization?.effects[0]?.cosine?.lowest).toBeGreaterThan(0.9999);
    }
  });

  test('says what it cannot do, and leaves nothing behind', async () => {
    const options = { weights: manifest, to: 'int8' as const, threads: 1 };
    await expect(quantize({ ...options, out: join(folder, 'no spaces') })).rejects.toThrow(/cannot be named/);
    await expect(quantize({ ...options, weights: 'nowhere.json', out: join(folder, 'x') })).rejects.toThrow(/nowhere/);
    const lists = { calibrate: [join(folder, 'nowhere.jsonl')] };
    await expect(quantize({ ...options, ...lists, out: join(folder, 'none', 'x') })).rejects.toThrow(/nowhere/);
    await expect(readFile(join(folder, 'none', 'x.json'))).rejects.toThrow(/ENOENT/);
  });

  test('the comparison measures every way of rounding', async () => {
    const options = { weights: manifest, calibrate: [list], evaluation: [list], threads: 1 };
    const trials = await compareRoundings(options);
    const lowest = new Map(trials.map(({ label, effects }) => [label, effects[0]?.cosine?.mean ?? 0]));
    expect([...lowest.keys()]).toHaveLength(8);
    expect(lowest.get('int8, compensated')).toBeGreaterThan(lowest.get('int8, nearest') ?? 1);
    expect(lowest.get('all in int4, compensated')).toBeGreaterThan(lowest.get('all in int4, nearest') ?? 1);
    expect(lowest.get('all in int4, nearest')).toBeLessThan(lowest.get('int8, nearest') ?? 0);
  }, 180_000); // eight networks through ONNX Runtime
});
