import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { arrange, networkOf, PRESETS, packModel, selectOutputs } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { ReferenceOps, type ReferenceTensor, runReference, toReference } from '@swinface/core/reference';
import { ARCFACE_TEMPLATE } from '@swinface/geometry';
import { expectAllClose, syntheticWeights } from '@swinface/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeInput } from '../../src/data/crop.js';
import { Random } from '../../src/data/random.js';
import { readDataset } from '../../src/data/samples.js';
import { calibrate } from '../../src/evaluate/calibrate.js';
import { levelImportance } from '../../src/evaluate/importance.js';
import { Predictor } from '../../src/evaluate/predict.js';
import { runEvaluate, summaryLines } from '../../src/evaluate/run.js';

const config = PRESETS['swinface-nano'];
const LOOSE = ['Gender', 'Wearing Hat'];
const TIGHT = ['Recognition', 'Age', 'Expression', 'Eyeglasses'];
let folder: string;
let manifest: string;
let list: string;
const pixels = new Map<string, Buffer>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swinface-'));
  const packed = await packModel(
    'test',
    {
      id: 'test <weights>',
      config,
      synthetic: true,
      crops: [
        { zoom: 1, outputs: TIGHT },
        { zoom: 0.5, outputs: LOOSE },
      ],
      calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
      licence: 'none',
      trainingData: [],
      metrics: {},
    },
    syntheticWeights(config),
    'F32',
  );
  manifest = join(folder, 'test.json');
  await writeFile(manifest, JSON.stringify(packed.manifest));
  for (const [name, bytes] of packed.files) await writeFile(join(folder, name), bytes);
  const random = new Random(5);
  const lines: string[] = [];
  for (let i = 0; i < 5; i++) {
    const noise = Buffer.from(Array.from({ length: 14 * 14 * 3 }, () => random.integer(256)));
    const image = sharp(noise, { raw: { width: 14, height: 14, channels: 3 } }).resize(112, 112);
    pixels.set(`k${i}`, await image.raw().toBuffer());
    await writeFile(join(folder, `k${i}.png`), i === 3 ? 'broken' : await image.png().toBuffer());
    lines.push(
      JSON.stringify({
        key: `k${i}`,
        file: `k${i}.png`,
        points: ARCFACE_TEMPLATE,
        age: 20 + i,
        gender: i % 2 ? 'male' : 'female',
        identity: i < 3 ? 'Ann' : 'Bob',
        number: i,
        attributes: '01'.repeat(20),
        votes: { happiness: 9, neutral: 1 },
        split: i === 0 ? 'train' : 'val',
      }),
    );
  }
  list = join(folder, 'faces.jsonl');
  await writeFile(list, lines.join('\n'));
  await writeFile(join(folder, 'pairs.txt'), '2\nAnn 1 2\nAnn 0 1\nAnn 1 Bob 4\nAnn 2 Bob 3\n');
});
afterAll(() => rm(folder, { recursive: true }));

describe('Predictor', () => {
  it('gives what the reference gives on the same crops, each output from its own zoom', async () => {
    const predictor = await Predictor.open(manifest);
    const dataset = await readDataset(list);
    const { samples, logits, embeddings, mirrored, analyses, skipped } = await predictor.predict(
      dataset,
      dataset.samples,
      true,
    );
    await predictor.dispose();
    expect(skipped.map(({ key }) => key)).toEqual(['k3']);
    expect(samples.map(({ key }) => key)).toEqual(['k0', 'k1', 'k2', 'k4']);
    expect(embeddings).toHaveLength(4 * config.feature);

    const weights = syntheticWeights(config);
    const reference = (names: string[], crop: Uint8Array, mirror: boolean) => {
      const selection = selectOutputs(config, names);
      const data = new Float32Array(3 * 112 * 112);
      writeInput(crop, mirror, data, 0);
      return runReference(networkOf(selection), weights, { shape: [1, 3, 112, 112], data });
    };
    const unit = (values: ArrayLike<number>): number[] => {
      const length = Math.hypot(...Array.from(values));
      return Array.from(values, (v) => v / length);
    };
    // The face lies on the template, so the tight crop is the image itself. float32 against float64: 1e-4.
    const tight = pixels.get('k4') ?? Buffer.alloc(0);
    const straight = reference(TIGHT, tight, false);
    const turned = reference(TIGHT, tight, true);
    const e = unit(straight.embedding?.data ?? []);
    const m = unit(turned.embedding?.data ?? []);
    const tolerance = { atol: 1e-4, rtol: 1e-4 };
    expectAllClose(embeddings.subarray(3 * config.feature), e, tolerance);
    const both = unit(e.map((v, i) => v + (m[i] ?? 0)));
    expectAllClose(mirrored?.subarray(3 * config.feature) ?? [], both, tolerance);
    const age = selectOutputs(config, TIGHT).tasks.find(({ task }) => task.name === 'Age')?.offset ?? -1;
    expectAllClose(logits.get('Age')?.subarray(3) ?? [], [straight.logits?.data[age] ?? Number.NaN], tolerance);

    // Half the zoom: crop pixel (x, y) is the mean of 2 x 2 pixels of the image, mirrored beyond its border.
    const loose = new Uint8Array(112 * 112 * 3);
    const at = (x: number, y: number, c: number) => {
      const fold = (v: number) => (v < 0 ? -1 - v : v > 111 ? 223 - v : v);
      return tight[(fold(y) * 112 + fold(x)) * 3 + c] ?? 0;
    };
    for (let y = 0; y < 112; y++) {
      for (let x = 0; x < 112; x++) {
        for (let c = 0; c < 3; c++) {
          const [left, top] = [2 * x - 56, 2 * y - 56];
          const sum = at(left, top, c) + at(left + 1, top, c) + at(left, top + 1, c) + at(left + 1, top + 1, c);
          loose[(y * 112 + x) * 3 + c] = Math.round(sum / 4);
        }
      }
    }
    const wide = reference(LOOSE, loose, false);
    const gender = logits.get('Gender')?.subarray(6);
    // One grey level of rounding here and there: 1e-2.
    expectAllClose(gender ?? [], wide.logits?.data.subarray(0, 2) ?? [], { atol: 1e-2, rtol: 1e-2 });
    const male = 1 / (1 + Math.exp((gender?.[0] ?? 0) - (gender?.[1] ?? 0)));
    expect(analyses[3]?.gender?.probabilities.male).toBeCloseTo(male, 6);
    expect(analyses[3]?.attributes).toHaveProperty('Eyeglasses');
  });
});

describe('runEvaluate', () => {
  it('judges held-out faces only, and writes a page that needs nothing else', async () => {
    const out = join(folder, 'report');
    const report = await runEvaluate({ weights: manifest, data: [list], pairs: join(folder, 'pairs.txt'), out });
    const [faces] = report.datasets;
    expect(faces?.faces).toBe(3);
    expect(faces?.skipped.map(({ key }) => key)).toEqual(['k3']);
    expect(faces?.age?.meanAbsoluteError.count).toBe(3);
    expect(faces?.gender?.confusion.flat().reduce((a, b) => a + b)).toBe(3);
    expect(faces?.expression?.confusion[3]?.reduce((a, b) => a + b)).toBe(3);
    // Gender, Wearing Hat and Eyeglasses: what this model offers of the 40.
    expect(Object.keys(faces?.attributes?.byAttribute ?? {})).toHaveLength(3);
    // k0 is of the training part and k3 is broken: two of the four pairs remain.
    expect(faces?.verification?.pairs?.pairs).toBe(2);
    expect(faces?.verification?.pairs?.missing).toBe(2);
    expect(faces?.verification?.all).toMatchObject({ genuine: 1, impostor: 2, rates: [] });
    expect(JSON.parse(await readFile(join(out, 'report.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(report)));
    const html = await readFile(join(out, 'report.html'), 'utf8');
    expect(html).toContain('test &#60;weights&#62;');
    expect(html).not.toMatch(/<script|<link|src=|https?:/);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
    expect(summaryLines(report)).toHaveLength(5);
  });

  it('judges another part when asked, and says which there are', async () => {
    const report = await runEvaluate({ weights: manifest, data: [list], split: 'train' });
    expect(report.datasets[0]?.faces).toBe(1);
    await expect(runEvaluate({ weights: manifest, data: [list], split: 'test' })).rejects.toThrow(/train, val/);
    await expect(runEvaluate({ weights: 'nowhere.json', data: [list] })).rejects.toThrow(
      /nowhere\.json cannot be read/,
    );
    await expect(runEvaluate({ weights: list, data: [list] })).rejects.toThrow(/no manifest/);
    await expect(runEvaluate({ weights: manifest, data: ['nowhere.jsonl'] })).rejects.toThrow(
      /nowhere\.jsonl cannot be read/,
    );
  });
});

describe('levelImportance', () => {
  it("averages each level's share of the subnets' pooled features", async () => {
    const dataset = await readDataset(list);
    const found = await levelImportance(await readModelFile(manifest), dataset, dataset.samples.slice(2, 4));
    expect(found.map(({ subnet }) => subnet)).toEqual(config.subnets.map(({ name }) => name));

    // Only k2 of the two can be read. The reference, stopped at the same place.
    class Recording extends ReferenceOps {
      pooled: ArrayLike<number> = [];
      override maxTokens(x: ReferenceTensor): ReferenceTensor {
        const out = super.maxTokens(x);
        this.pooled = out.data;
        return out;
      }
    }
    const ops = new Recording();
    const selection = selectOutputs(config);
    const image = new Float32Array(3 * 112 * 112);
    writeInput(pixels.get('k2') ?? Buffer.alloc(0), false, image, 0);
    const network = networkOf(selection);
    const weights = arrange(network, syntheticWeights(config));
    const wide = (path: string) => toReference(weights.get(path) ?? { shape: [], data: new Float32Array() });
    network.forward(ops, wide, toReference({ shape: [1, 3, 112, 112], data: image }));
    const expected = config.subnets.map((_, s) => {
      let at = s * config.feature;
      return config.split.map((width) => {
        let sum = 0;
        for (let c = 0; c < width; c++) sum += ops.pooled[at++] ?? 0;
        return sum / width;
      });
    });
    // float32 against float64.
    expectAllClose(
      found.flatMap(({ levels }) => levels),
      expected.flat(),
      { atol: 1e-4, rtol: 1e-4 },
    );
  });
});

describe('calibrate', () => {
  it('fits what the manifest takes', async () => {
    const predictor = await Predictor.open(manifest);
    const calibration = await calibrate(predictor, [list], { list, split: 'held-out' });
    await predictor.dispose();
    expect(Object.keys(calibration.temperatures).sort()).toEqual(['Expression', 'Eyeglasses', 'Gender', 'Wearing Hat']);
    // Three faces support neither age intervals nor operating points.
    expect(calibration.ageIntervals).toEqual([]);
    expect(calibration.verification).toEqual([]);
  });
});
