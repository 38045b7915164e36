import { warpPixels } from '@swinface/alignment/warp';
import { DisposedError, embeddingLength, InvalidInputError, UnsupportedDeviceError } from '@swinface/core';
import { expectAllClose } from '@swinface/testing';
import { type Face, FaceAnalyzer, type FaceAnalyzerOptions, type ProgressEvent, type Timings } from 'swinface';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { imageData, open, stubCanvas } from '../support/canvas.js';
import { gate, StubLocator, soon } from '../support/locator.js';
import {
  CROPS,
  config,
  expectedAnalysis,
  facePoints,
  loadedModel,
  packedModel,
  picture,
  referenceAnalysis,
} from '../support/model.js';

// Float32 in another order of summation than float64, through four Swin blocks; probabilities are flatter still.
const TOLERANCE = { atol: 2e-3, rtol: 1e-3 };

const image = picture(200, 160);
const FACES = [facePoints(60, 50, 34), facePoints(140, 70, 25), facePoints(100, 30, 20)];

const source = () => imageData(image.data, image.width, image.height);
const create = async (options: Partial<FaceAnalyzerOptions> = {}) =>
  FaceAnalyzer.create({ model: await loadedModel(), engine: 'wasm', locator: new StubLocator(FACES), ...options });

function expectFace(face: Face | undefined, points: (typeof FACES)[number], manifest: FaceAnalyzer['manifest']) {
  const [tight, loose] = expectedAnalysis(image, points, manifest);
  if (!face?.embedding || !tight?.embedding) throw new Error('no embedding');
  expectAllClose(face.embedding, tight.embedding, { ...TOLERANCE, label: 'embedding' });
  const numbers = ({ age, gender }: Pick<Face, 'age' | 'gender'>) => [
    age?.years ?? Number.NaN,
    gender?.probabilities.male ?? Number.NaN,
  ];
  expectAllClose(numbers(face), numbers(tight), { ...TOLERANCE, label: 'age, gender' });
  const yes = face.attributeProbabilities;
  expectAllClose(
    [yes.Young ?? Number.NaN, yes.Bald ?? Number.NaN, yes.Eyeglasses ?? Number.NaN],
    [
      tight.attributeProbabilities.Young ?? 0,
      loose?.attributeProbabilities.Bald ?? 0,
      loose?.attributeProbabilities.Eyeglasses ?? 0,
    ],
    { ...TOLERANCE, label: 'attributes' },
  );
  expect(Object.keys(face.attributes).sort()).toEqual(['Bald', 'Eyeglasses', 'Young']);
  expect(face.points).toEqual(points);
}

beforeEach(stubCanvas);
afterEach(() => {
  vi.unstubAllGlobals();
  expect(open.size, 'pictures left open').toBe(0);
});

describe('analyze', () => {
  it("says of every face how well it is seen, the network's own opinion among it where that was measured", async () => {
    const loaded = await loadedModel();
    const weights = Array.from({ length: embeddingLength(loaded.manifest.config) }, () => 0);
    const recognisability = { weights, length: 0, bias: -Math.log(3) }; // one quarter, whoever it is
    const calibration = { ...loaded.manifest.calibration, recognisability };
    for (const manifest of [loaded.manifest, { ...loaded.manifest, calibration }]) {
      const analyzer = await create({ model: { ...loaded, manifest } });
      const [face] = await analyzer.analyze(source());
      if (!face) throw new Error('no face');
      const { size, pose, sharpness = Number.NaN, brightness = Number.NaN, recognisability: own, score } = face.quality;
      expect(score).toBeCloseTo(size * pose * sharpness * brightness * (own ?? 1), 6);
      expect(own).toBe(face.recognisability);
      if (manifest === loaded.manifest) expect(own).toBeUndefined();
      else expect(own).toBeCloseTo(0.25, 9);
      expect(face.quality.hints.includes('unrecognisable')).toBe(manifest !== loaded.manifest);
      analyzer.dispose();
    }
  });

  it('looks for faces as small as it was told, or as the locator thinks right', async () => {
    for (const [options, expected] of [
      [{ smallestFace: 90 }, { smallestFace: 90 }],
      [{}, {}],
    ] as const) {
      const locator = new StubLocator(FACES);
      const analyzer = await create({ locator, ...options });
      await analyzer.analyze(source());
      expect(locator.calls.map(({ signal, ...rest }) => rest)).toEqual([expected]);
      analyzer.dispose();
    }
  });

  it('leaves out faces that score less than it was told', async () => {
    const locator = new StubLocator(FACES.slice(0, 2), [0.9, 0.6]);
    for (const [minimumScore, expected] of [
      [0.6, [0.9, 0.6]],
      [0.61, [0.9]],
      [0.95, []],
    ] as const) {
      using analyzer = await create({ locator, minimumScore });
      expect((await analyzer.analyze(source())).map(({ score }) => score)).toEqual(expected);
    }
  });

  it('gives every face what the reference gives on its crops, in several batches and from two crops', async () => {
    const locator = new StubLocator(FACES);
    const analyzer = await create({ locator, maxFaces: 2 });
    let timings: Timings | undefined;
    const faces = await analyzer.analyze(source(), {
      onTimings: (measured) => {
        timings = measured;
      },
    });
    expect(faces).toHaveLength(3);
    faces.forEach((face, i) => {
      expectFace(face, FACES[i] ?? facePoints(0, 0, 0), analyzer.manifest);
    });
    const [first] = faces;
    expect(first).toMatchObject({ score: 0.9, landmarkModel: 'face-api-68', model: 'tiny-synthetic' });
    expect(first?.landmarks).toHaveLength(68 * 3);
    // The eyes' line falls by 0.05 per eye distance to the right: atan(0.05) = 2.9 degrees clockwise.
    expect(first?.pose.roll).toBeGreaterThan(0);
    expect(structuredClone(faces)).toEqual(faces);
    if (!timings) throw new Error('no timings');
    const { total, ...stages } = timings as Timings;
    expect(Object.keys(stages).sort()).toEqual(['decode', 'locate', 'network', 'results', 'warp']);
    expect(stages.network).toBeGreaterThan(0);
    expect(Object.values(stages).reduce((a, b) => a + b)).toBeLessThanOrEqual(total + 1e-6);
    analyzer.dispose();
    expect(locator.disposed, "the caller's locator").toBe(false);
  });

  it('uses points that the caller gives, without looking for faces', async () => {
    const locator = new StubLocator(FACES);
    using analyzer = await create({ locator });
    const points = facePoints(90, 60, 30);
    const [face] = await analyzer.analyze(source(), { points: [points] });
    expectFace(face, points, analyzer.manifest);
    expect(locator.calls).toEqual([]);
    expect(face).not.toHaveProperty('score');
    expect(face).not.toHaveProperty('landmarks');
    const { x = 0, y = 0, width = 0, height = 0 } = face?.box ?? {};
    for (const [px, py] of points) {
      expect(px > x && px < x + width && py > y && py < y + height).toBe(true);
    }
    expect(await analyzer.analyze(source(), { points: [] })).toEqual([]);
  });

  it('answers a picture without faces with an empty list', async () => {
    using analyzer = await create({ locator: new StubLocator([]) });
    expect(await analyzer.analyze(source())).toEqual([]);
  });

  it('computes only the outputs asked for', async () => {
    using analyzer = await create({ outputs: ['Bald', 'Recognition'] });
    expect([...analyzer.outputs].sort()).toEqual(['Bald', 'Recognition']);
    const [face] = await analyzer.analyze(source(), { points: FACES.slice(0, 1) });
    expect(Object.keys(face?.attributes ?? {})).toEqual(['Bald']);
    expect(face).not.toHaveProperty('age');
    expect(face?.embedding).toHaveLength(embeddingLength(config));
  });

  it.each([
    ['no list', 5],
    ['four points', [facePoints(50, 50, 20).slice(1)]],
    [
      'three coordinates',
      [
        [
          [1, 2, 3],
          [1, 2],
          [1, 2],
          [1, 2],
          [1, 2],
        ],
      ],
    ],
    [
      'a coordinate that is not a number',
      [
        [
          [1, Number.NaN],
          [4, 2],
          [1, 8],
          [1, 2],
          [6, 2],
        ],
      ],
    ],
    ['coinciding points', [Array(5).fill([7, 7])]],
  ])('refuses points that are %s', async (_, points) => {
    using analyzer = await create({ outputs: ['Gender'] });
    await expect(analyzer.analyze(source(), { points: points as never })).rejects.toBeInstanceOf(InvalidInputError);
  });

  it('refuses what is no picture', async () => {
    using analyzer = await create({ outputs: ['Gender'] });
    for (const bad of [null, undefined, 5, 'photo.jpg', {}]) {
      await expect(analyzer.analyze(bad as never)).rejects.toBeInstanceOf(InvalidInputError);
    }
    // The analyzer is none the worse for it.
    expect(await analyzer.analyze(source())).toHaveLength(3);
  });

  it('serves overlapping calls one after another', async () => {
    const locator = new StubLocator(FACES);
    using analyzer = await create({ locator, outputs: ['Gender'] });
    const results = await Promise.all([
      analyzer.analyze(source()),
      analyzer.analyze(source()),
      analyzer.analyze(source()),
    ]);
    expect(locator.calls).toHaveLength(3); // the stub refuses two at a time
    expect(results[2]).toEqual(results[0]);
  });
});

describe('analyzeAligned', () => {
  it('runs the network on the crop as it is', async () => {
    using analyzer = await create({ outputs: ['Recognition', 'Age'] });
    const crop = picture(112, 112);
    const face = await analyzer.analyzeAligned(imageData(crop.data, 112, 112));
    const expected = referenceAnalysis(
      warpPixels(crop, [{ a: 1, b: 0, tx: 0, ty: 0 }]),
      ['Recognition', 'Age'],
      analyzer.manifest,
    );
    expectAllClose(face.embedding ?? [], expected.embedding ?? [], TOLERANCE);
    expect(face.model).toBe('tiny-synthetic');
    expect(face).not.toHaveProperty('box');
    await expect(analyzer.analyzeAligned(source())).rejects.toThrow(/112 x 112.*200 x 160/);
  });

  it('refuses one crop for outputs that read two', async () => {
    using analyzer = await create();
    await expect(analyzer.analyzeAligned(source())).rejects.toThrow(/does not serve all outputs/);
  });
});

describe('abort', () => {
  it('rejects at once, with the reason, in the queue and while running, and harms nothing', async () => {
    const locator = new StubLocator(FACES);
    using analyzer = await create({ locator, outputs: ['Gender'] });
    const { closed, release } = gate();
    locator.gate = closed;
    const [running, waiting] = [new AbortController(), new AbortController()];
    const first = analyzer.analyze(source(), { signal: running.signal });
    const second = analyzer.analyze(source(), { signal: waiting.signal });
    const third = analyzer.analyze(source());
    const settled = Promise.allSettled([first, second]);
    await soon(() => expect(locator.running).toBe(1));
    waiting.abort('changed my mind');
    running.abort(new Error('too slow'));
    expect(await settled).toMatchObject([{ reason: { message: 'too slow' } }, { reason: 'changed my mind' }]);
    release();
    expect(await third).toHaveLength(3);
    expect(locator.calls, 'the one that waited never began').toHaveLength(2);
    expect(locator.calls[0]?.signal?.aborted).toBe(true);
    await expect(analyzer.analyze(source(), { signal: AbortSignal.abort('before') })).rejects.toBe('before');
  });

  it('stops create, whatever it waits for', async () => {
    await expect(create({ signal: AbortSignal.abort('before') })).rejects.toBe('before');
    const controller = new AbortController();
    vi.stubGlobal(
      'fetch',
      vi.fn(
        (_: unknown, { signal }: RequestInit) =>
          new Promise((_, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason));
          }),
      ),
    );
    const creating = create({ model: 'https://model.test/tiny.json', signal: controller.signal });
    await soon(() => expect(fetch).toHaveBeenCalled());
    controller.abort('enough');
    await expect(creating).rejects.toBe('enough');
  });
});

describe('dispose', () => {
  it('rejects what is pending and what comes later', async () => {
    const locator = new StubLocator(FACES);
    const analyzer = await create({ locator, outputs: ['Gender'] });
    const { closed, release } = gate();
    locator.gate = closed;
    const pending = Promise.allSettled([analyzer.analyze(source()), analyzer.analyze(source())]);
    await soon(() => expect(locator.running).toBe(1));
    analyzer.dispose();
    analyzer.dispose();
    for (const result of await pending) expect(result).toMatchObject({ reason: { code: 'DISPOSED' } });
    release();
    await expect(analyzer.analyze(source())).rejects.toBeInstanceOf(DisposedError);
    await expect(analyzer.analyzeAligned(source())).rejects.toBeInstanceOf(DisposedError);
    await expect(analyzer.stream({} as HTMLVideoElement).next()).rejects.toBeInstanceOf(DisposedError);
    await soon(() => expect(locator.running).toBe(0));
    await soon(() => expect(open.size).toBe(0));
  });
});

describe('compare and match', () => {
  it('use the operating points of the model', async () => {
    using analyzer = await create({ outputs: ['Recognition'] });
    const faces = await analyzer.analyze(source());
    const [a, b] = faces;
    if (!a || !b) throw new Error('no faces');
    expect(analyzer.compare(a, a)).toMatchObject({ verdict: 'same', falseMatchRate: 1e-3, threshold: 0.5 });
    expect(analyzer.compare(a, a).similarity).toBeCloseTo(1, 6);
    expect(analyzer.match(b, faces)[0]?.index).toBe(1);
    expect(() => analyzer.compare(a, { ...b, model: 'other' })).toThrow(InvalidInputError);
    expect(() => analyzer.compare(a, b, { falseMatchRate: 1e-9 })).toThrow(InvalidInputError);
  });
});

describe('create', () => {
  it('loads a model by its address and tells how far it is', async () => {
    const { manifest, files } = await packedModel();
    const served = new Map<string, BodyInit>([['/models/tiny.json', JSON.stringify(manifest)]]);
    for (const [name, bytes] of files) served.set(`/models/${name}`, bytes as Uint8Array<ArrayBuffer>);
    const requested: string[] = [];
    vi.stubGlobal('fetch', async (url: URL) => {
      requested.push(url.href);
      const body = served.get(url.pathname);
      return body === undefined ? new Response('', { status: 404 }) : new Response(body);
    });
    const events: ProgressEvent[] = [];
    using analyzer = await create({
      model: new URL('https://model.test/models/tiny.json'),
      outputs: ['Gender'],
      onProgress: (event) => events.push(event),
    });
    expect(analyzer.manifest).toEqual(manifest);
    expect(requested.every((url) => url.startsWith('https://model.test/models/'))).toBe(true);
    const bytes = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
    expect(events.filter(({ stage }) => stage === 'model').at(-1)).toEqual({
      stage: 'model',
      loaded: bytes,
      total: bytes,
    });
    expect(events.at(-1)).toEqual({ stage: 'ready', loaded: 1, total: 1 });
    expect(new Set(events.map(({ stage }) => stage))).toEqual(new Set(['model', 'engine', 'locator', 'ready']));

    const missing = create({ model: 'https://model.test/models/none.json' });
    await expect(missing).rejects.toMatchObject({ code: 'MODEL_DOWNLOAD' });
    const [name = '', original] = [...files][0] ?? [];
    const tampered = Uint8Array.from(original ?? []);
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
    served.set(`/models/${name}`, tampered);
    const changed = create({ model: 'https://model.test/models/tiny.json' });
    await expect(changed).rejects.toMatchObject({ code: 'WEIGHTS_INVALID' });
  });

  it('falls back where there is no WebGPU, and says why', async () => {
    vi.stubGlobal('navigator', {});
    using analyzer = await create({ engine: 'auto', outputs: ['Gender'] });
    expect(analyzer.engine.kind).toBe('wasm');
    expect(analyzer.engine.description).toMatch(/^WebAssembly/);
    expect(analyzer.engine.reason).toMatch(/WebGPU/);
    expect(analyzer.locator).toEqual({ kind: 'face-api', description: 'a stub' });
    await expect(create({ engine: 'webgpu' })).rejects.toBeInstanceOf(UnsupportedDeviceError);
  });

  it('runs on plain JavaScript with the same results', async () => {
    using analyzer = await create({ engine: 'tfjs' });
    expect(analyzer.engine).toMatchObject({ kind: 'tfjs' });
    expect(analyzer.engine).not.toHaveProperty('reason');
    const [face] = await analyzer.analyze(source(), { points: FACES.slice(0, 1) });
    expectFace(face, FACES[0] ?? facePoints(0, 0, 0), analyzer.manifest);
  });

  it('needs no locator where the caller finds faces', async () => {
    using analyzer = await create({ locator: 'none', outputs: ['Gender'] });
    expect(analyzer.locator).toBeUndefined();
    expect(await analyzer.analyze(source(), { points: FACES })).toHaveLength(3);
    await expect(analyzer.analyze(source())).rejects.toThrow(/without a locator/);
  });

  it.each<readonly [string, object]>([
    ['model', { model: '' }],
    ['model', { model: 7 }],
    ['model', { model: {} }],
    ['outputs', { outputs: 'Age' }],
    ['outputs', { outputs: ['Shoe Size'] }],
    ['outputs', { outputs: [] }],
    ['outputs', { outputs: ['Smiling'] }], // of the config, but the weights were not trained for it
    ['maxFaces', { maxFaces: 0 }],
    ['maxFaces', { maxFaces: 1.5 }],
    ['smallestFace', { smallestFace: 0 }],
    ['smallestFace', { smallestFace: Number.NaN }],
    ['smallestFace', { smallestFace: '40' }],
    ['minimumScore', { minimumScore: -0.1 }],
    ['minimumScore', { minimumScore: 1.1 }],
    ['minimumScore', { minimumScore: Number.NaN }],
    ['engine', { engine: 'webgl' }],
    ['locator', { locator: 'opencv' }],
    ['locator', { locator: {} }],
    ['thread', { thread: 'gpu' }],
    ['assets', { assets: { wasm: '/wasm' } }],
  ])('refuses an unusable %s: %j', async (name, options) => {
    const creating = create(options as Partial<FaceAnalyzerOptions>);
    await expect(creating).rejects.toBeInstanceOf(InvalidInputError);
    await expect(creating).rejects.toThrow(name);
  });

  it('refuses to be called without options', async () => {
    await expect(FaceAnalyzer.create(undefined as never)).rejects.toBeInstanceOf(InvalidInputError);
  });

  it('offers what the crops of the manifest name', async () => {
    using analyzer = await create();
    expect([...analyzer.outputs].sort()).toEqual(CROPS.flatMap(({ outputs }) => outputs).sort());
  });
});
