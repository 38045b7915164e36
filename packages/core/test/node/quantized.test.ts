import {
  dequantizeRows,
  type HostTensor,
  type Manifest,
  PRESETS,
  packModel,
  parseManifest,
  parseSafetensors,
  placedTasks,
  quantizeRows,
  RECOGNITION,
  readWeights,
  sizeOf,
  storedAs,
  tensorShapes,
  WeightsInvalidError,
  writeSafetensors,
} from '@swinface/core';
import { expectAllClose, syntheticInput, syntheticWeights } from '@swinface/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeTensor } from '../../src/weights/safetensors.js';

/** The definition, in float64: the step of a row is its largest magnitude over 127, each element goes to its nearest step. */
function plainQuantizer({ shape, data }: HostTensor): { values: number[]; scales: number[] } {
  const rows = Array.from({ length: shape[0] ?? 1 }, (_, r) => {
    const width = data.length / (shape[0] ?? 1);
    return Array.from(data.subarray(r * width, (r + 1) * width));
  });
  const scales = rows.map((row) => Math.max(0, ...row.map(Math.abs)) / 127);
  return { scales, values: rows.flatMap((row, r) => row.map((v) => v / (scales[r] || 1))) };
}

// One row, one column, an odd number of bytes before float scales, a convolution, a row of one.
const SHAPES: readonly (readonly number[])[] = [
  [1, 1],
  [1, 7],
  [7, 1],
  [5, 13],
  [3, 5, 3, 3],
  [2, 3, 1, 1],
  [257, 31],
  [64, 48],
];

describe('quantizeRows', () => {
  test.each(SHAPES.map((shape) => [shape]))(
    '%j is within half a step of the plain quantizer and of the weight',
    (shape) => {
      const tensor = syntheticInput(`rows ${shape}`, shape);
      const { values, scales } = quantizeRows(tensor);
      const plain = plainQuantizer(tensor);
      // The scale is the float64 one rounded to float32.
      expect(scales).toEqual(Float32Array.from(plain.scales));
      // Half a step, and what a scale off by half a float32 ulp moves a value of at most 127 steps.
      expectAllClose(values, plain.values, { atol: 0.5 + 127 * 2 ** -24, rtol: 0, label: 'values' });
      const width = tensor.data.length / (shape[0] as number);
      scales.forEach((_, r) => {
        expect(Math.max(...values.subarray(r * width, (r + 1) * width).map(Math.abs))).toBe(127);
      });
    },
  );

  test('negation is exact, halves included', () => {
    const data = Float32Array.of(127, 0.5, 1.5, 2.5, -3.5, 0.49);
    const plus = quantizeRows({ shape: [1, 6], data });
    expect([...plus.values]).toEqual([127, 1, 2, 3, -4, 0]);
    const minus = quantizeRows({ shape: [1, 6], data: data.map((v) => -v) });
    expect(minus.values).toEqual(plus.values.map((v) => -v));
  });

  test('zero rows, denormal rows and rows near the end of float32 stay finite', () => {
    const data = Float32Array.of(0, -0, 1e-45, 2e-45, 3e-39, -1e-39, 3.4e38, -1.7e38);
    const { values, scales } = quantizeRows({ shape: [4, 2], data });
    expect([...values.subarray(0, 2)].map(Math.abs)).toEqual([0, 0]);
    expect(scales[0]).toBe(0);
    expect([...values.subarray(6)]).toEqual([127, -64]);
    const back = dequantizeRows({ shape: [4, 2], values, scales }).data;
    expect(back.every(Number.isFinite)).toBe(true);
    // Denormal scales are coarse: they lose less than the row's largest magnitude, and far below any weight that matters.
    back.forEach((value, i) => {
      expect(Math.abs(value - (data[i] as number))).toBeLessThan(i < 6 ? 4e-39 : 3e36);
    });
  });

  test('what is on the grid stays there, however often it is written', () => {
    const once = quantizeRows(syntheticInput('grid', [40, 33]));
    const twice = quantizeRows(dequantizeRows(once));
    expect(twice.values).toEqual(once.values);
    // The scale is 127 * scale / 127, each rounded to float32.
    expectAllClose(twice.scales, once.scales, { atol: 0, rtol: 2 ** -23, label: 'scales' });
  });
});

describe('I8 in safetensors', () => {
  const tensors = new Map<string, HostTensor>([
    ['bytes', syntheticInput('bytes', [3, 5])],
    ['bias', syntheticInput('bias', [3])],
    ['half', syntheticInput('half', [3, 3])],
  ]);
  const written = () =>
    writeSafetensors(tensors, (name) => (name === 'bytes' ? 'I8' : name === 'half' ? 'F16' : 'F32'));
  const headerOf = (file: Uint8Array): Record<string, { dtype: string; shape: number[]; data_offsets: number[] }> => {
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    return JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  };
  /** The file with another header over the same data. */
  const withHeader = (change: (header: ReturnType<typeof headerOf>) => void, data?: (bytes: Uint8Array) => void) => {
    const file = written();
    const header = headerOf(file);
    change(header);
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    const body = file.slice(8 + length);
    data?.(body);
    const text = new TextEncoder().encode(JSON.stringify(header));
    const out = new Uint8Array(8 + text.length + body.length);
    new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
    out.set(text, 8);
    out.set(body, 8 + text.length);
    return out;
  };

  test('is one tensor of the plain quantizer, every element starts at a multiple of its size', () => {
    const file = written();
    const header = headerOf(file);
    expect(header['bytes.scale']).toMatchObject({ dtype: 'F32', shape: [3] });
    for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
      expect((data_offsets[0] as number) % { F32: 4, F16: 2, I8: 1 }[dtype as 'F32'], name).toBe(0);
    }
    // Placed at an odd address, as a view into a download may be.
    const shifted = new Uint8Array(file.length + 1);
    shifted.set(file, 1);
    const stored = parseSafetensors(shifted.subarray(1));
    expect([...stored.keys()].sort()).toEqual(['bias', 'bytes', 'half']);
    const tensor = stored.get('bytes');
    const expected = quantizeRows(tensors.get('bytes') as HostTensor);
    expect(tensor?.scales).toEqual(expected.scales);
    expect(tensor && decodeTensor(tensor)).toEqual(dequantizeRows(expected));
  });

  const scale = (header: ReturnType<typeof headerOf>) => header['bytes.scale'] as { dtype: string; shape: number[] };
  const poke = (index: number, value: number) => (body: Uint8Array) => {
    const at = headerOf(written())['bytes.scale']?.data_offsets[0] ?? 0;
    new DataView(body.buffer).setFloat32(at + 4 * index, value, true);
  };
  test.each<[string, () => Uint8Array, RegExp]>([
    [
      'without scales',
      () =>
        withHeader((header) => {
          header.lonely = header['bytes.scale'] as never;
          delete header['bytes.scale'];
        }),
      /bytes is I8 and needs a scale per row in bytes\.scale/,
    ],
    [
      'with scales of another shape',
      () => withHeader((header) => Object.assign(scale(header), { shape: [3, 1] })),
      /needs a scale per row/,
    ],
    [
      'with scales of another type',
      () => withHeader((header) => Object.assign(scale(header), { dtype: 'F16', shape: [6] })),
      /needs a scale per row/,
    ],
    [
      'with quantized scales',
      () => withHeader((header) => Object.assign(scale(header), { dtype: 'I8', shape: [12, 1] })),
      /I8/,
    ],
    ['that is a vector', () => withHeader((header) => Object.assign(header.bytes ?? {}, { shape: [15] })), /no matrix/],
    [
      'of other rows than scales',
      () => withHeader((header) => Object.assign(header.bytes ?? {}, { shape: [5, 3] })),
      /needs a scale per row/,
    ],
    ['with a NaN scale', () => withHeader(() => {}, poke(1, Number.NaN)), /bytes\.scale holds NaN at 1/],
    ['with an endless scale', () => withHeader(() => {}, poke(2, Number.POSITIVE_INFINITY)), /holds Infinity at 2/],
    ['with a negative scale', () => withHeader(() => {}, poke(0, -1)), /holds -1 at 0/],
    [
      'with -128',
      () =>
        withHeader(
          () => {},
          (body) => {
            body[body.length - 2] = 0x80;
          },
        ),
      /bytes holds -128 at 13/,
    ],
    [
      'whose scales outlive it',
      () =>
        withHeader((header) => {
          header.other = header.bytes as never;
          delete header.bytes;
          Object.assign(header.other ?? {}, { dtype: 'I8', shape: [15, 1] });
        }),
      /other is I8 and needs a scale/,
    ],
    [
      'whose scales belong to another type',
      () => {
        const file = new Map(tensors).set('half.scale', syntheticInput('s', [3]));
        return writeSafetensors(file, 'F32');
      },
      /half\.scale belongs to no I8 tensor/,
    ],
  ])('a file with an I8 tensor %s is refused', (_, file, message) => {
    expect(() => parseSafetensors(file())).toThrow(WeightsInvalidError);
    expect(() => parseSafetensors(file())).toThrow(message);
  });
});

describe('a packed int8 model', () => {
  const config = PRESETS['swinface-nano'];
  const weights = syntheticWeights(config);
  const passport = {
    id: 'synthetic',
    config,
    synthetic: true,
    crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
    calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
    licence: 'MIT',
    trainingData: [],
    metrics: {},
  };
  let manifest: Manifest;
  let files: ReadonlyMap<string, Uint8Array>;
  const read = (passed = manifest) => readWeights(passed, async ({ file }) => files.get(file) ?? new Uint8Array());
  beforeAll(async () => {
    ({ manifest, files } = await packModel('nano', passport, weights, 'I8'));
  });

  test('takes a byte per element of its matrices', () => {
    const expected = [...tensorShapes(config)].reduce((sum, [name, shape]) => {
      const dtype = storedAs(name, shape, 'I8');
      return sum + (dtype === 'I8' ? sizeOf(shape) + 4 * (shape[0] ?? 0) : sizeOf(shape) * (dtype === 'F16' ? 2 : 4));
    }, 0);
    const bytes = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
    expect(bytes).toBeGreaterThan(expected);
    expect(bytes).toBeLessThan(expected + 100_000); // headers
    expect(manifest.tensors['backbone.layers.0.blocks.0.attn.qkv.weight']?.dtype).toBe('I8');
    expect(manifest.tensors['fam.nets.3.conv.convs.2.weight']?.dtype).toBe('I8');
    expect(manifest.tensors['om.output_fcs.0.weight']?.dtype).toBe('F16');
    expect(manifest.tensors['fam.nets.3.norm.running_var']?.dtype).toBe('F32');
  });

  test('is read as float32 by the names of the checkpoint, within half a step', async () => {
    const back = await read();
    expect([...back.keys()].sort()).toEqual([...tensorShapes(config).keys()].sort());
    for (const [name, tensor] of weights) {
      const dtype = storedAs(name, tensor.shape, 'I8');
      const found = back.get(name)?.data ?? new Float32Array();
      const exactly = { atol: 0, rtol: 0, label: name };
      if (dtype === 'F32') expectAllClose(found, tensor.data, exactly);
      // Half a unit in the last of 11 bits.
      else if (dtype === 'F16') expectAllClose(found, tensor.data, { atol: 2 ** -25, rtol: 2 ** -11, label: name });
      else expectAllClose(found, dequantizeRows(quantizeRows(tensor)).data, exactly);
    }
  });

  test('another type than the manifest lists is refused by name', async () => {
    const name = 'backbone.layers.0.blocks.0.attn.qkv.weight';
    for (const dtype of ['F16', 'F32'] as const) {
      const lying = { ...manifest, tensors: { ...manifest.tensors, [name]: { ...manifest.tensors[name], dtype } } };
      await expect(read(parseManifest(lying))).rejects.toThrow(/qkv\.weight is not what the manifest says/);
    }
    const table = 'backbone.layers.0.blocks.0.attn.relative_position_bias_table';
    const listed = { ...manifest.tensors[table], dtype: 'I8' };
    const lying = parseManifest({ ...manifest, tensors: { ...manifest.tensors, [table]: listed } });
    await expect(read(lying)).rejects.toThrow(/relative_position_bias_table is not what the manifest says/);
  });

  test('a weight beyond float16 is named instead of stored as infinity', async () => {
    const name = 'backbone.layers.0.blocks.0.attn.proj.weight';
    const { shape, data } = weights.get(name) as HostTensor;
    const large = new Map(weights).set(name, { shape, data: data.map((v, i) => (i === 3 ? 65520 : v)) });
    await expect(packModel('x', passport, large, 'F16')).rejects.toThrow(/attn\.proj\.weight cannot be stored as F16/);
    const fits = new Map(weights).set(name, { shape, data: data.map((v, i) => (i === 3 ? 65519 : v)) });
    await expect(packModel('x', passport, fits, 'F16')).resolves.toBeDefined();
  });

  test('its passport says what rounding changed, and nonsense there is refused', () => {
    const effect = { set: 'faces', faces: 9, cosine: { mean: 1, lowest: 0.9 }, changed: { Gender: 0.1 }, metrics: {} };
    const quantization = { source: 'nano', dtype: 'I8', rounding: 'nearest', effects: [effect] };
    expect(parseManifest({ ...manifest, quantization }).quantization).toEqual(quantization);
    for (const broken of [
      { ...quantization, dtype: 'I4' },
      { ...quantization, rounding: 'lucky' },
      { ...quantization, effects: [{ ...effect, changed: { Gender: 1.1 } }] },
      { ...quantization, effects: [{ ...effect, cosine: { mean: 2, lowest: 0 } }] },
      { ...quantization, surprise: 1 },
    ]) {
      expect(() => parseManifest({ ...manifest, quantization: broken })).toThrow(/quantization/);
    }
  });
});
