import { PRESETS, RECOGNITION, selectOutputs } from '@swinface/core';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../options.js';
import { type Candidate, planRounds } from '../../plan.js';
import { checkOutputs, expectedOutputs } from '../../report/check.js';
import { roofline } from '../../report/roofline.js';
import { spread } from '../../report/statistics.js';

describe('spread', () => {
  it('gives quartiles between samples, whatever their order', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ n: 4, median: 2.5, q1: 1.75, q3: 3.25, min: 1, max: 4 });
    expect(spread([7])).toEqual({ n: 1, median: 7, q1: 7, q3: 7, min: 7, max: 7 });
    expect(() => spread([])).toThrow(RangeError);
  });
});

describe('checkOutputs', () => {
  const selection = selectOutputs(PRESETS['swinface-nano'], [RECOGNITION, 'Age', 'Gender']);
  const expected = expectedOutputs(selection, {
    [RECOGNITION]: [
      [1, 2],
      [2, -1],
    ],
    Gender: [
      [5, 6],
      [7, 8],
    ],
    Age: [[30], [40]],
  });
  const right = { embeddings: [1, 2, 2, -1, 1, 2], logits: [5, 6, 30, 7, 8, 40, 5, 6, 30] };
  const changed = (values: readonly number[], index: number, by: number) =>
    values.map((value, i) => (i === index ? value + by : value));

  it('accepts the right answers of faces that alternate', () => {
    expect(checkOutputs('webgpu', expected, 3, right)).toMatchObject({ passed: true, maxDifference: 0 });
  });

  it('refuses one wrong element in any face, and missing ones', () => {
    for (let i = 0; i < 9; i++) {
      expect(checkOutputs('webgpu', expected, 3, { ...right, logits: changed(right.logits, i, 0.1) }).passed).toBe(
        false,
      );
    }
    for (let i = 0; i < 6; i++) {
      const embeddings = changed(right.embeddings, i, Number.NaN);
      expect(checkOutputs('webgpu', expected, 3, { ...right, embeddings }).passed).toBe(false);
    }
    expect(checkOutputs('webgpu', expected, 3, { ...right, logits: right.logits.slice(1) }).passed).toBe(false);
    expect(checkOutputs('webgpu', expected, 3, {}).passed).toBe(false);
  });

  it("holds compressed weights to the direction of the embedding, and tells the logits'", () => {
    const bent = { ...right, embeddings: changed(right.embeddings, 4, 0.05) };
    expect(checkOutputs('webgpu', expected, 3, bent).passed).toBe(false);
    expect(checkOutputs('webgpu-int8', expected, 3, bent).passed).toBe(true);
    expect(checkOutputs('webgpu-f16', expected, 3, bent).passed).toBe(false);
    const wrong = { ...right, embeddings: changed(right.embeddings, 4, 0.5) };
    expect(checkOutputs('webgpu-int8', expected, 3, wrong).passed).toBe(false);
    const other = checkOutputs('webgpu-int8', expected, 3, { ...right, logits: changed(right.logits, 4, -40) });
    expect(other.passed).toBe(true);
    expect(other.lowestLogitCosine).toBeLessThan(0.9);
  });
});

describe('roofline', () => {
  const peak = { adapter: 'a', software: false, flops: 1e9, bytes: 1e9 };
  const costs = [
    { label: 'a.qkv', flops: 2e6, bytes: 1e6 },
    { label: 'a', flops: 1e6, bytes: 4e6 },
  ];

  it('bounds each module by arithmetic or memory, and joins the kernels of one module', () => {
    const kernels = [
      { label: 'a.qkv.split', milliseconds: 3 },
      { label: 'a.qkv.join', milliseconds: 1 },
      { label: 'a', milliseconds: 16 },
      { label: 'unknown', milliseconds: 20 },
    ];
    const rows = roofline(kernels, costs, peak);
    expect(rows.map(({ label }) => label)).toEqual(['unknown', 'a', 'a.qkv']);
    expect(rows[1]).toMatchObject({ bound: 4, boundBy: 'memory', attained: 0.25, share: 0.4 });
    expect(rows[2]).toMatchObject({ milliseconds: 4, bound: 2, boundBy: 'arithmetic', attained: 0.5 });
    expect(rows[0]).toMatchObject({ flops: 0, bound: 0, attained: 0 });
  });
});

describe('planRounds', () => {
  const candidate = (expected: number, started = false): Candidate => ({
    engine: `${expected}`,
    batch: 1,
    expected,
    started,
  });
  const plan = (candidates: readonly Candidate[], milliseconds: number, rounds = 15, cellMilliseconds = 200) => {
    const planned = planRounds(candidates, { milliseconds, rounds, cellMilliseconds });
    return candidates.map((each) => planned.get(each));
  };

  it('leaves out first what takes longest', () => {
    expect(plan([candidate(1000), candidate(10), candidate(100)], 111)).toEqual([undefined, 0, 0]);
    expect(plan([candidate(10)], 9)).toEqual([undefined]);
  });

  it('gives everything a run before anything a spread, and that before anything more', () => {
    expect(plan([candidate(100), candidate(10)], 139)).toEqual([0, 0]);
    expect(plan([candidate(100), candidate(10)], 140)).toEqual([0, 3]);
    expect(plan([candidate(100), candidate(10)], 439)).toEqual([0, 15]);
    expect(plan([candidate(100), candidate(10)], 440)).toEqual([3, 3]);
    expect(plan([candidate(100), candidate(10)], 460)).toEqual([3, 5]);
  });

  it('gives no cell more than its rounds and its own time, but always the few that make a spread', () => {
    expect(plan([candidate(10), candidate(30), candidate(100)], 1e6)).toEqual([15, 6, 3]);
    expect(plan([candidate(10)], 1e6, 2)).toEqual([2]);
  });

  it('does not pay again for a first run that was made', () => {
    expect(plan([candidate(10, true)], 0)).toEqual([0]);
    expect(plan([candidate(10, true)], 30)).toEqual([3]);
  });

  it('never plans more than there is', () => {
    const candidates = [5, 7, 11, 40, 90, 300].map((expected) => candidate(expected));
    for (let milliseconds = 0; milliseconds < 3000; milliseconds += 7) {
      const runs = plan(candidates, milliseconds);
      const spent = candidates.reduce((sum, { expected }, i) => sum + expected * (1 + (runs[i] ?? -1)), 0);
      expect(spent).toBeLessThanOrEqual(milliseconds);
    }
  });
});

describe('parseOptions', () => {
  it('has defaults that measure everything', () => {
    expect(parseOptions([])).toMatchObject({
      models: ['nano', 't', 'blazeface', 'blazeface-full', 'mesh', 'mobilefacenet'],
      batches: [1, 4, 16],
      engines: undefined,
      threads: 1,
      minutes: 55,
    });
  });

  it('names what cannot be used', () => {
    expect(() => parseOptions(['--models', 'nano,x'])).toThrow('"x"');
    expect(() => parseOptions(['--modles', 'nano'])).toThrow(/Unknown option '--modles'[\s\S]*--models a,b/);
    expect(() => parseOptions(['--batches', '0'])).toThrow('--batches');
    expect(() => parseOptions(['--batches', ','])).toThrow('Nothing');
    expect(() => parseOptions(['--rounds', 'many'])).toThrow('--rounds');
    expect(() => parseOptions(['--minutes', '0'])).toThrow('--minutes');
  });
});
