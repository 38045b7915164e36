import {
  embeddingLength,
  fetchModel,
  type Manifest,
  ModelDownloadError,
  PRESETS,
  packModel,
  parseManifest,
  parseSafetensors,
  placedTasks,
  RECOGNITION,
  readWeights,
  type SwinFaceError,
  WeightsInvalidError,
  writeSafetensors,
} from '@swinface/core';
import { expectAllClose, syntheticInput, syntheticWeights } from '@swinface/testing';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { decodeFloat16, encodeFloat16 } from '../../src/weights/float16.js';

const config = PRESETS['swinface-nano'];
const weights = syntheticWeights(config);
let manifest: Manifest;
let files: ReadonlyMap<string, Uint8Array>;
/** Reads from memory what was packed. */
const readFile = async ({ file }: { file: string }) => files.get(file) ?? new Uint8Array();

beforeAll(async () => {
  const packed = await packModel(
    'nano',
    {
      id: 'synthetic-nano',
      config,
      synthetic: true,
      crops: [{ zoom: 1, outputs: [RECOGNITION, ...placedTasks(config).map(({ task }) => task.name)] }],
      calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
      licence: 'MIT',
      trainingData: [],
      metrics: {},
    },
    weights,
    'F32',
  );
  manifest = packed.manifest;
  files = packed.files;
});

describe('float16', () => {
  test('reads and writes the numbers of the standard', () => {
    const cases: [number, number][] = [
      [0, 0],
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [65520, 0x7c00], // halfway past the largest: to even, which is infinity
      [2 ** -24, 1],
      [2 ** -14, 0x0400],
      [1 + 2 ** -11, 0x3c00], // tie to even
      [1 + 3 * 2 ** -11, 0x3c02],
      [2 ** -25, 0], // tie to even
      [Number.POSITIVE_INFINITY, 0x7c00],
    ];
    for (const [value, bits] of cases) expect(encodeFloat16(Float32Array.of(value))[0], String(value)).toBe(bits);
    expect(encodeFloat16(Float32Array.of(Number.NaN))[0]).toBe(0x7e00);
  });

  test('every finite half survives the round trip', () => {
    const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    expect(encodeFloat16(decodeFloat16(all))).toEqual(all);
  });

  test('rounds to within half a unit in the last place', () => {
    const values = syntheticInput('half', [4096]).data;
    const rounded = decodeFloat16(encodeFloat16(values));
    values.forEach((value, i) => {
      expect(Math.abs((rounded[i] as number) - value)).toBeLessThanOrEqual(
        Math.max(2 ** -25, Math.abs(value) * 2 ** -11),
      );
    });
  });
});

describe('safetensors', () => {
  const file = () => writeSafetensors(new Map([['a', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]), 'F32');
  const withHeader = (header: string, data = new Uint8Array(16)) => {
    const text = new TextEncoder().encode(header);
    const bytes = new Uint8Array(8 + text.length + data.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
    bytes.set(text, 8);
    bytes.set(data, 8 + text.length);
    return bytes;
  };

  test('reads what it writes', () => {
    const tensor = parseSafetensors(file()).get('a');
    expect(tensor).toMatchObject({ dtype: 'F32', shape: [2, 2] });
    expect(new Float32Array(tensor?.bytes.slice().buffer ?? new ArrayBuffer())).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  test('reads metadata and ignores it', () => {
    const header = '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}';
    expect([...parseSafetensors(withHeader(header)).keys()]).toEqual(['a']);
  });

  test.each([
    ['nothing', new Uint8Array(), /0 bytes/],
    ['a huge header length', Uint8Array.from({ length: 16 }, () => 255), /header claims/],
    ['a cut file', file().slice(0, -1), /ends at 16, the data at 15/],
    ['a trailing byte', Uint8Array.from([...file(), 0]), /1 bytes follow/],
    ['a header that is no JSON', withHeader('{"a":'), /not JSON/],
    ['a header that is no object', withHeader('[]'), /valid safetensors/],
    ['an unknown type', withHeader('{"a":{"dtype":"I16","shape":[8],"data_offsets":[0,16]}}'), /a\.dtype/],
    ['a shape that does not fit', withHeader('{"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}'), /20 bytes/],
    ['a negative side', withHeader('{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}'), /a\.shape/],
    ['offsets beyond', withHeader('{"a":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}}'), /ends at 32/],
    [
      'an overlap',
      withHeader(
        '{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
      ),
      /b starts at 8/,
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes as Uint8Array)).toThrow(WeightsInvalidError);
    expect(() => parseSafetensors(bytes as Uint8Array)).toThrow(message as RegExp);
  });
});

describe('manifest', () => {
  const changed = (change: (copy: Record<string, never>) => void) => {
    const copy = structuredClone(manifest) as unknown as Record<string, never>;
    change(copy);
    return copy;
  };
  // Reaches into untrusted JSON as an attacker would.
  const set = (path: string, value: unknown) =>
    changed((copy) => {
      const keys = path.split('/');
      const last = keys.pop() as string;
      let target = copy as Record<string, unknown>;
      for (const key of keys) target = target[key] as Record<string, unknown>;
      if (value === undefined) delete target[last];
      else target[last] = value;
    });

  test('a packed manifest is valid and survives JSON', () => {
    expect(parseManifest(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest);
  });

  test.each([
    ['format', 'onnx', /format/],
    ['version', 2, /version/],
    ['surprise', 1, /surprise/],
    ['config/embed', 1e9, /config\.embed/],
    ['config/heads', [5, 2, 4, 8], /heads/],
    ['config/split', [6, 12, 23, 24], /split/],
    ['config/image', 224, /image/],
    ['shards/0/file', '../secrets.safetensors', /plain file name/],
    ['shards/0/file', 'https://elsewhere.example/x', /plain file name/],
    ['shards/0/sha256', 'abc', /hexadecimal/],
    ['shards/0/bytes', -1, /bytes/],
    ['tensors/backbone.norm.weight', undefined, /lacks the tensor backbone\.norm\.weight/],
    ['tensors/backbone.norm.weight/shape', [191], /backbone\.norm\.weight has the wrong shape/],
    ['tensors/backbone.norm.weight/shard', 99, /shard 99 of/],
    ['tensors/backbone.norm.weight/dtype', 'I8', /backbone\.norm\.weight.*only matrices/],
    ['tensors/backbone.norm.weight/dtype', 'BF16', /dtype/],
    ['tensors/intruder', { dtype: 'F32', shape: [1], shard: 0 }, /no tensor intruder/],
    ['crops/0/outputs', ['Mood'], /unknown output Mood/],
    ['crops/0/outputs', ['Age', 'Age'], /more than once/],
    ['calibration/temperatures', { Gender: 0 }, /temperatures/],
    ['calibration/thresholds', { Bald: 1.5 }, /thresholds/],
    [
      'calibration/ageIntervals',
      [
        { age: 30, halfWidth: 3 },
        { age: 20, halfWidth: 3 },
      ],
      /ascending/,
    ],
  ])('refuses %s = %j', (path, value, message) => {
    expect(() => parseManifest(set(path, value))).toThrow(WeightsInvalidError);
    expect(() => parseManifest(set(path, value))).toThrow(message);
  });

  describe('recognisability', () => {
    const score = (changes: object = {}) => {
      const weights = Array.from({ length: embeddingLength(manifest.config) }, (_, i) => i - 3.5);
      return set('calibration/recognisability', { weights, length: 1.5, bias: -2, ...changes });
    };

    test('has one weight for each number of the embedding', () => {
      const { recognisability } = parseManifest(score()).calibration;
      expect(recognisability).toMatchObject({ length: 1.5, bias: -2 });
      expect(recognisability?.weights).toHaveLength(embeddingLength(manifest.config));
      expect(parseManifest(JSON.parse(JSON.stringify(manifest))).calibration).not.toHaveProperty('recognisability');
    });

    test.each([
      [{ weights: [1, 2] }, /do not fit its embedding/],
      [{ weights: [] }, /recognisability\.weights/],
      [{ weights: Array.from({ length: 4097 }, () => 0) }, /recognisability\.weights/],
      [{ weights: ['1'] }, /recognisability\.weights/],
      [{ length: Number.POSITIVE_INFINITY }, /recognisability\.length/],
      [{ bias: null }, /recognisability\.bias/],
      [{ threshold: 0.5 }, /recognisability\.threshold/],
    ])('refuses %j', (changes, message) => {
      expect(() => parseManifest(score(changes))).toThrow(message);
    });
  });

  describe('verification table', () => {
    const measured = {
      strangers: 'young female',
      pairs: 9000,
      falseMatches: { low: 5e-4, high: 2e-3 },
      falseNonMatches: { low: 0.05, high: 0.15 },
    };
    const table = (changes: object = {}) =>
      set('calibration/verification', [
        { falseMatchRate: 1e-3, threshold: 0.5, falseNonMatchRate: 0.1, measured: { ...measured, ...changes } },
      ]);

    test('may say how it was measured', () => {
      expect(parseManifest(table()).calibration.verification[0]?.measured).toEqual(measured);
    });

    test.each([
      [{ falseMatches: { low: 0.2, high: 0.1 } }, /must have low at most high/],
      [{ falseNonMatches: { low: 0.2, high: 1.1 } }, /measured\.falseNonMatches\.high/],
      [{ pairs: -1 }, /measured\.pairs/],
      [{ strangers: '' }, /measured\.strangers/],
      [{ strangers: 'x'.repeat(201) }, /measured\.strangers/],
      [{ studio: 'x' }, /measured\.studio/],
    ])('refuses %j', (changes, message) => {
      expect(() => parseManifest(table(changes))).toThrow(WeightsInvalidError);
      expect(() => parseManifest(table(changes))).toThrow(message);
    });
  });

  test.each([null, 3, 'text', [], {}])('refuses %j', (json) => {
    expect(() => parseManifest(json)).toThrow(WeightsInvalidError);
  });
});

describe('weights', () => {
  /** The manifest for a shard that was changed and honestly re-hashed: an attacker who controls both. */
  const repacked = async (change: (copy: Map<string, { shape: readonly number[]; data: Float32Array }>) => void) => {
    const copy = new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
    change(copy);
    const bytes = writeSafetensors(copy, 'F32');
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
    const sha256 = Buffer.from(digest).toString('hex');
    const tensors = Object.fromEntries(
      Object.entries(manifest.tensors).map(([name, tensor]) => [name, { ...tensor, shard: 0 }]),
    );
    const shards = [{ file: 'x', bytes: bytes.length, sha256 }];
    return readWeights({ ...manifest, tensors, shards }, async () => bytes);
  };

  test('come back as they were packed', async () => {
    const read = await readWeights(manifest, readFile);
    expect(read.size).toBe(weights.size);
    for (const [name, { shape, data }] of weights) {
      expect(read.get(name)?.shape, name).toEqual(shape);
      expectAllClose(read.get(name)?.data ?? [], data, { atol: 0, rtol: 0, label: name });
    }
  });

  test('a flipped bit is found by the hash', async () => {
    const flipped = async (shard: { file: string }) => {
      const bytes = (await readFile(shard)).slice();
      bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1;
      return bytes;
    };
    await expect(readWeights(manifest, flipped)).rejects.toThrow(/changed or damaged/);
  });

  test('a cut file is found by its size', async () => {
    await expect(readWeights(manifest, async (shard) => (await readFile(shard)).subarray(1))).rejects.toThrow(
      /wrong size/,
    );
  });

  test('a NaN is named', async () => {
    const change = repacked((copy) => {
      (copy.get('backbone.norm.bias') as { data: Float32Array }).data[3] = Number.NaN;
    });
    await expect(change).rejects.toThrow(/backbone\.norm\.bias holds NaN at 3/);
  });

  test('a negative variance is named', async () => {
    const change = repacked((copy) => {
      (copy.get('fam.nets.3.norm.running_var') as { data: Float32Array }).data[0] = -1;
    });
    await expect(change).rejects.toThrow(/fam\.nets\.3\.norm\.running_var holds a negative variance/);
  });

  test('a missing and an extra tensor are named', async () => {
    await expect(repacked((copy) => copy.delete('om.output_fcs.7.bias'))).rejects.toThrow(/om\.output_fcs\.7\.bias/);
    await expect(repacked((copy) => copy.set('intruder', { shape: [1], data: new Float32Array(1) }))).rejects.toThrow(
      /intruder/,
    );
  });
});

describe('fetchModel', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });
  /** A server in memory. */
  const serve = (answers: Record<string, () => Response>) => {
    vi.stubGlobal('fetch', async (url: URL, { signal }: RequestInit = {}) => {
      signal?.throwIfAborted();
      return (answers[url.pathname] ?? (() => new Response('no', { status: 404, statusText: 'Not Found' })))();
    });
  };
  const url = 'https://site.example/models/nano.json';
  const good = () => ({
    '/models/nano.json': () => Response.json(manifest),
    ...Object.fromEntries(
      [...files].map(([file, bytes]) => [`/models/${file}`, () => new Response(bytes as Uint8Array<ArrayBuffer>)]),
    ),
  });

  test('gives checked weights and reports every byte', async () => {
    serve(good());
    const progress: { loaded: number; total: number }[] = [];
    const model = await fetchModel(url, { onProgress: (step) => progress.push(step) });
    expect(model.weights.get('backbone.norm.bias')).toEqual(weights.get('backbone.norm.bias'));
    const total = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
    expect(progress.at(-1)).toEqual({ loaded: total, total });
  });

  test('says what a missing manifest, a missing shard and an HTML page are', async () => {
    serve({});
    await expect(fetchModel(url)).rejects.toThrow(/nano\.json could not be loaded: the server answered 404 Not Found/);
    serve({ '/models/nano.json': () => Response.json(manifest) });
    await expect(fetchModel(url)).rejects.toThrow(/safetensors could not be loaded: the server answered 404/);
    serve({ '/models/nano.json': () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }) });
    await expect(fetchModel(url)).rejects.toThrow(ModelDownloadError);
    serve({ '/models/nano.json': () => new Response('<!doctype html>') });
    await expect(fetchModel(url)).rejects.toThrow(/not a model manifest.*<!doctype html>/);
  });

  test('a shard that never ends is cut off at the size the manifest names', async () => {
    let sent = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent += 2 ** 20;
            controller.enqueue(new Uint8Array(2 ** 20));
          },
        }),
      );
    serve({ ...good(), [`/models/${manifest.shards[0]?.file}`]: endless });
    await expect(fetchModel(url)).rejects.toThrow(/longer than it should be/);
    expect(sent).toBeLessThan((manifest.shards[0]?.bytes ?? 0) + 4 * 2 ** 20);
  });

  test('an abort rejects with the reason of the signal', async () => {
    serve(good());
    const reason = new Error('enough');
    await expect(fetchModel(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('a failing network is a download error with its cause', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch');
    });
    const error = await fetchModel(url).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelDownloadError);
    expect((error as SwinFaceError).cause).toBeInstanceOf(TypeError);
    expect((error as SwinFaceError).code).toBe('MODEL_DOWNLOAD');
  });
});
