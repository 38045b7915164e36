import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OnnxGraph, primitives } from '@swinface/core/onnx';
import { ARCFACE_TEMPLATE } from '@swinface/geometry';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_AUGMENTATION } from '../../src/data/augment.js';
import { Random } from '../../src/data/random.js';
import { readDataset } from '../../src/data/samples.js';
import { normalizeRows, teacherEmbeddings } from '../../src/teacher/embed.js';
import { fitProjection, project } from '../../src/teacher/pca.js';
import { openTrainingSource } from '../../src/train/data.js';

describe('fitProjection', () => {
  it('finds the span of data that lie in few dimensions, so that cosines stay as they were', () => {
    // Ninety vectors of twelve dimensions, all combinations of three.
    const random = new Random(2);
    const directions = Array.from({ length: 3 }, () => Array.from({ length: 12 }, () => random.normal()));
    const vectors = Float32Array.from({ length: 90 * 12 });
    for (let n = 0; n < 90; n++) {
      const mix = [random.normal(), random.normal(), random.normal()];
      for (let d = 0; d < 12; d++)
        vectors[n * 12 + d] = mix.reduce((sum, m, k) => sum + m * (directions[k]?.[d] ?? 0), 0);
    }
    normalizeRows(vectors, 12);
    const small = project(vectors, fitProjection(vectors, 12, 3, Array(90).keys()));
    const dot = (rows: Float32Array, dims: number, i: number, j: number) => {
      let sum = 0;
      for (let d = 0; d < dims; d++) sum += (rows[i * dims + d] ?? 0) * (rows[j * dims + d] ?? 0);
      return sum;
    };
    // float32 rows: 1e-6.
    for (let i = 0; i < 89; i++) expect(dot(small, 3, i, i + 1)).toBeCloseTo(dot(vectors, 12, i, i + 1), 6);
  });

  it('keeps the directions of largest second moment, in any order of rotation within them', () => {
    // Coordinates of spread 5, 4, 0.5, 0.1: the two kept must span the first two.
    const random = new Random(3);
    const spread = [0.5, 5, 0.1, 4];
    const vectors = Float32Array.from({ length: 4000 }, (_, i) => random.normal() * (spread[i % 4] ?? 0));
    const { rows } = fitProjection(vectors, 4, 2, Array(1000).keys());
    const share = [0, 1, 2, 3].map((d) => (rows[d] ?? 0) ** 2 + (rows[4 + d] ?? 0) ** 2);
    // Sampling error of the moments tilts the plane by about 0.5 / 5 / sqrt(1000).
    expect(share[1]).toBeGreaterThan(0.999);
    expect(share[3]).toBeGreaterThan(0.999);
  });

  it('leaves rows of zeros alone', () => {
    const vectors = Float32Array.from([1, 0, 0, 0, 0, 1]);
    expect([...project(vectors, fitProjection(vectors, 2, 1, [0]))].map(Math.abs)).toEqual([1, 0, 0]);
  });
});

describe('teacherEmbeddings', () => {
  let folder: string;
  let model: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swinface-'));
    // A "recognition network": the mean of each colour.
    const graph = new OnnxGraph();
    const image = graph.input('face', [1, 3, 112, 112]);
    const planes = primitives.reshape(graph, image, [3, 112 * 112]);
    const mean = graph.constant(new Float32Array(112 * 112).fill(1 / (112 * 112)), [112 * 112, 1]);
    graph.output('features', primitives.reshape(graph, primitives.matMul(graph, planes, mean), [1, 3]));
    model = join(folder, 'teacher.onnx');
    await writeFile(model, graph.toModel('teacher'));
    const colours = [
      { r: 255, g: 127.5, b: 0 },
      { r: 255, g: 255, b: 255 },
    ];
    for (const [i, background] of colours.entries()) {
      await sharp({ create: { width: 112, height: 112, channels: 3, background } })
        .png()
        .toFile(join(folder, `${i}.png`));
    }
    await writeFile(join(folder, '2.png'), 'broken');
    await writeFile(
      join(folder, 'set.jsonl'),
      [0, 1, 2].map((i) => JSON.stringify({ key: `${i}`, file: `${i}.png`, points: null })).join('\n'),
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('lets only the faces that count fully choose the directions which a student learns', async () => {
    const list = async (name: string, colours: readonly { r: number; g: number; b: number }[]) => {
      const lines = await Promise.all(
        colours.map(async (background, i) => {
          const file = `${name}-${i}.png`;
          await sharp({ create: { width: 112, height: 112, channels: 3, background } })
            .png()
            .toFile(join(folder, file));
          return JSON.stringify({ key: file, file, points: ARCFACE_TEMPLATE, split: 'train' });
        }),
      );
      await writeFile(join(folder, `${name}.jsonl`), lines.join('\n'));
      return join(folder, `${name}.jsonl`);
    };
    const grey = 127.5;
    const red = { r: 255, g: grey, b: grey };
    const green = { r: grey, g: 255, b: grey };
    const blue = { r: grey, g: grey, b: 255 };
    const data = await openTrainingSource({
      seed: 1,
      cache: join(folder, 'cache'),
      parts: [
        { list: await list('trusted', [red, green]), count: 2, augmentation: NO_AUGMENTATION, embeddingWeight: 1 },
        {
          list: await list('doubtful', Array(8).fill(blue)),
          count: 1,
          augmentation: NO_AUGMENTATION,
          embeddingWeight: 0.3,
        },
      ],
      teacher: { model, dims: 2 },
    });
    const { embedding } = await data.source.next();
    await data.close();
    const [a = 0, b = 0, c = 0, d = 0] = embedding?.target ?? [];
    // Red and green stay a right angle apart; were blue, which is eight times as frequent, to choose, it would take one of
    // the two directions and leave them one between them. Grey is 127 or 128 of 255: 4e-3 a colour.
    expect(Math.abs(a * c + b * d)).toBeLessThan(0.02);
    expect(embedding?.weight[0]).toBe(1);
    expect(embedding?.weight[2]).toBeCloseTo(0.3, 6);
  });

  it('gives unit rows in the order of the list, zeros for broken images, and keeps them', async () => {
    const dataset = await readDataset(join(folder, 'set.jsonl'));
    const first = await teacherEmbeddings(model, dataset, join(folder, 'cache'));
    expect(first.dims).toBe(3);
    const half = Math.SQRT1_2;
    const third = 1 / Math.sqrt(3);
    const expected = [half, 0, -half, third, third, third, 0, 0, 0];
    // One grey level of rounding in 255: 4e-3.
    for (const [i, v] of expected.entries()) expect(Math.abs((first.values[i] ?? 9) - v)).toBeLessThan(4e-3);
    await rm(join(folder, '0.png'));
    expect(await teacherEmbeddings(model, dataset, join(folder, 'cache'))).toEqual(first);
  });
});
