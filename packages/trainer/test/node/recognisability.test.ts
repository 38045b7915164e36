import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddingLength, InvalidInputError, packModel, placedTasks } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { ARCFACE_TEMPLATE } from '@swinface/geometry';
import { syntheticWeights } from '@swinface/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/data/random.js';
import { calibrateRecognisability } from '../../src/quality/calibrate.js';
import { withSection } from '../../src/quality/card.js';
import { type Degradation, LEARNT, MEASURED_BESIDES } from '../../src/quality/degradations.js';
import { CLEAN, degraded } from '../../src/quality/embeddings.js';
import { fitRecognisability } from '../../src/quality/fit.js';
import { faultReport, rawScores } from '../../src/quality/measure.js';
import { runRecognisability } from '../../src/quality/run.js';
import { partsOf } from '../../src/quality/select.js';
import { TINY as SMALL } from './support/tiny.js';

/** Fed with whole crops. */
const TINY = { ...SMALL, image: 112, window: 7 };

const SIDE = 112;
const AREA = SIDE * SIDE;
/** Grey with fine detail, as network input. */
const PICTURE = Float32Array.from({ length: 3 * AREA }, (_, i) => ((i * 7919) % 101) / 101 - 0.5);
const drawn = (degrade: Degradation, seed = 1) => {
  const image = PICTURE.slice();
  degraded(image, degrade, new Random(seed));
  return image;
};
const at = (image: Float32Array, x: number, y: number) => image[y * SIDE + x] ?? Number.NaN;
const changed = (image: Float32Array, x: number, y: number) => Math.abs(at(image, x, y) - at(PICTURE, x, y)) > 0.01;
const spread = (image: Float32Array) => Math.max(...image) - Math.min(...image);
const ALL = { ...LEARNT, ...MEASURED_BESIDES };

describe('drawn faults', () => {
  it.each(Object.entries(ALL))(
    '%s: the same for the same seed, within the range of a picture, and plain to see',
    (name, degrade) => {
      const image = drawn(degrade);
      expect(image).toEqual(drawn(degrade));
      expect(image.every((value) => value >= -1 && value <= 1)).toBe(true);
      const difference = image.reduce((sum, value, i) => sum + Math.abs(value - (PICTURE[i] ?? 0)), 0) / image.length;
      // Sunglasses cover least: a tenth of the crop.
      expect(difference, name).toBeGreaterThan(0.02);
    },
  );

  it('leaves of 6 % brightness what 8 bits can hold', () => {
    const levels = new Set(
      [...drawn(MEASURED_BESIDES['brightness 6 %'])].map((value) => Math.round(value * 127.5 + 127.5)),
    );
    expect(Math.max(...levels)).toBe(Math.round(0.06 * 0.75 * 255)); // the picture ends at three quarters
    expect(levels.size).toBeLessThan(12);
  });

  it('covers with a mask the mouth and not the eyes, with sunglasses the eyes and not the mouth', () => {
    for (let seed = 0; seed < 50; seed++) {
      const [mask, glasses] = [drawn(LEARNT.mask, seed), drawn(LEARNT.sunglasses, seed)];
      expect([changed(mask, 56, 92), changed(mask, 38, 48)], `mask ${seed}`).toEqual([true, false]);
      expect([changed(glasses, 38, 52) || changed(glasses, 36, 54), changed(glasses, 56, 92)]).toEqual([true, false]);
    }
  });

  it('keeps of 20 pixels no detail finer than a twentieth', () => {
    // A mean over some thirty pixels of values that are spread evenly over a range of one.
    expect(spread(drawn(MEASURED_BESIDES['20 pixels']))).toBeLessThan(0.5 * spread(PICTURE));
  });
});

/** Directions around an axis of `dims`, of a length. */
const around = (count: number, axis: number, length: number, seed: number, dims = 8) => {
  const random = new Random(seed);
  return Float32Array.from(
    { length: count * dims },
    (_, i) => length * ((i % dims === axis ? 2 : 0) + random.normal()),
  );
};

describe('the score', () => {
  it('tells directions apart', () => {
    const score = fitRecognisability(around(400, 0, 1, 1), around(400, 3, 1, 2), 8);
    expect(score.weights[0]).toBeGreaterThan(0);
    expect(score.weights[3]).toBeLessThan(0);
    const right = (rows: Float32Array, sign: number) => rawScores(rows, score).filter((s) => s * sign > 0).length / 200;
    // Two normals 2 sqrt(2) apart are on their own side with 92 %, less for what normalising takes; five points for chance.
    expect(right(around(200, 0, 1, 3), 1)).toBeGreaterThan(0.85);
    expect(right(around(200, 3, 1, 4), -1)).toBeGreaterThan(0.85);
  });

  it('tells lengths apart where directions are the same', () => {
    const score = fitRecognisability(around(400, 0, 2, 1), around(400, 0, 0.5, 2), 8);
    expect(score.length).toBeGreaterThan(0);
    expect(rawScores(around(200, 0, 2, 3), score).filter((s) => s > 0).length).toBeGreaterThan(180);
  });

  it('is scaled so that three in a hundred ordinary faces of other people lie below one half', () => {
    const set = (seed: number, count = 400) =>
      new Map([
        [CLEAN, { samples: [], rows: around(count, 0, 1, seed) }],
        ['dark', { samples: [], rows: around(count, 3, 1, seed + 1) }],
      ]);
    const score = calibrateRecognisability([set(1)], [set(5)], 8);
    const below = rawScores(around(400, 0, 1, 5), score).filter((s) => s < 0).length;
    // Rounding of the bias may take the face at the cut to either side.
    expect(Math.abs(below - 12)).toBeLessThanOrEqual(1);
    expect(() => calibrateRecognisability([set(1)], [set(5, 20)], 8)).toThrow(/too few people/);
  });

  it('counts who passes, before and after', () => {
    // Four people, two of them recognisable; all four look alike.
    const rows = Float32Array.from([1, 0, 1, 0.1, 3, 0, 3, 0.1]);
    const samples = ['a', 'b', 'c', 'd'].map((identity) => ({ key: identity, file: '', points: null, identity }));
    const score = { weights: [0, 0], length: 1, bias: -2 };
    const verification = [{ falseMatchRate: 0.1, threshold: 0.9, falseNonMatchRate: 0 }];
    const report = faultReport('dark', { samples, rows }, score, verification);
    expect(report).toMatchObject({ fault: 'dark', faces: 4, recognisable: 0.5 });
    expect(report.rates[0]).toMatchObject({
      before: 1,
      answeredSame: { count: 6 },
      amongRecognisable: { value: 1, count: 1 },
    });
    expect(report.rates[0]?.answeredSame.value).toBeCloseTo(1 / 6, 9);
  });

  it('gives no person two parts', () => {
    const samples = Array.from({ length: 90 }, (_, i) => ({
      key: `${i}`,
      file: '',
      points: null,
      identity: `${i % 30}`,
      split: i % 30 < 27 ? 'train' : 'val',
    }));
    const { fit, cut } = partsOf({ name: 'x', folder: '', samples, digest: '', meanPoints: undefined });
    const people = (list: readonly { identity?: string }[]) => new Set(list.map(({ identity }) => identity));
    expect(fit.length).toBe(18 * 3);
    expect(cut.length).toBe(9 + 3 - 1 + 1); // every third of thirty, and of the three held out those that are not among them
    expect([...people(fit)].filter((person) => people(cut).has(person))).toEqual([]);
  });
});

describe('the command', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swinface-'));
    const packed = await packModel(
      'test',
      {
        id: 'test',
        config: TINY,
        synthetic: true,
        crops: [{ zoom: 1, outputs: ['Recognition', ...placedTasks(TINY).map(({ task }) => task.name)] }],
        calibration: {
          temperatures: {},
          thresholds: {},
          ageIntervals: [],
          verification: [{ falseMatchRate: 0.1, threshold: 0.5, falseNonMatchRate: 0.1 }],
        },
        licence: 'none',
        trainingData: [],
        modelCard: 'test.md',
        metrics: {},
      },
      syntheticWeights(TINY),
      'F32',
    );
    await writeFile(join(folder, 'test.json'), JSON.stringify(packed.manifest));
    await writeFile(join(folder, 'test.md'), '# Card\n\n## Calibration\nx\n\n## Intended use, and not\ny\n');
    for (const [name, bytes] of packed.files) await writeFile(join(folder, name), bytes);
    const random = new Random(5);
    const noise = Buffer.from(Array.from({ length: SIDE * SIDE * 3 }, () => random.integer(256)));
    await writeFile(
      join(folder, 'a.png'),
      await sharp(noise, { raw: { width: SIDE, height: SIDE, channels: 3 } })
        .png()
        .toBuffer(),
    );
    const line = (identity: number, split: string) =>
      JSON.stringify({ key: `${identity}`, file: 'a.png', points: ARCFACE_TEMPLATE, identity, split });
    const list = (count: number, split: string) => Array.from({ length: count }, (_, i) => line(i, split)).join('\n');
    await writeFile(
      join(folder, 'fit.jsonl'),
      [list(30, 'train'), ...Array.from({ length: 340 }, (_, i) => line(100 + i, 'val'))].join('\n'),
    );
    await writeFile(join(folder, 'test.jsonl'), list(6, 'test'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('writes the score into the manifest and what it measured into the card, twice the same', async () => {
    const [weights, fit, test] = [join(folder, 'test.json'), [join(folder, 'fit.jsonl')], [join(folder, 'test.jsonl')]];
    const [report] = await runRecognisability({ weights, fit, test });
    expect(report?.faults.map(({ fault }) => fault)).toEqual([CLEAN, ...Object.keys(ALL)]);
    const { manifest } = await readModelFile(weights);
    expect(manifest.id).toBe('test');
    expect(manifest.calibration.recognisability?.weights).toHaveLength(embeddingLength(TINY));
    const card = await readFile(join(folder, 'test.md'), 'utf8');
    expect(card).toMatch(
      /## Calibration\nx\n\n## Recognisability\n[\s\S]*brightness 6 %[\s\S]*\n\n## Intended use, and not\ny\n$/,
    );
    await runRecognisability({ weights, fit, test });
    expect(await readFile(join(folder, 'test.md'), 'utf8')).toBe(card);
  });

  it('refuses lists in which nobody is named', async () => {
    await writeFile(
      join(folder, 'nobody.jsonl'),
      JSON.stringify({ key: '1', file: 'a.png', points: ARCFACE_TEMPLATE, split: 'train' }),
    );
    const nobody = [join(folder, 'nobody.jsonl')];
    const run = runRecognisability({ weights: join(folder, 'test.json'), fit: nobody, test: nobody });
    await expect(run).rejects.toThrow(InvalidInputError);
  });

  it('adds its section to a card that has none of those it knows', () => {
    expect(withSection('# Card\n', '## Recognisability\nz\n')).toBe('# Card\n\n## Recognisability\nz\n');
  });
});
