import { InvalidInputError } from '@swinface/core';
import { OneEuroFilter, type OneEuroOptions } from '@swinface/postprocessing/stream';
import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.js';

/** The paper's algorithm line by line (CHI 2012, Algorithm 1 and 2), one number at a fixed rate. */
function paper(signal: readonly number[], rate: number, minCutoff: number, beta: number, derivativeCutoff: number) {
  const alpha = (cutoff: number) => {
    const te = 1 / rate;
    const tau = 1 / (2 * Math.PI * cutoff);
    return 1 / (1 + tau / te);
  };
  let [xHat, dxHat, first] = [0, 0, true];
  return signal.map((x) => {
    const dx = first ? 0 : (x - xHat) * rate;
    dxHat = first ? dx : alpha(derivativeCutoff) * dx + (1 - alpha(derivativeCutoff)) * dxHat;
    const cutoff = minCutoff + beta * Math.abs(dxHat);
    xHat = first ? x : alpha(cutoff) * x + (1 - alpha(cutoff)) * xHat;
    first = false;
    return xHat;
  });
}

const run = (signal: readonly number[], rate: number, options: OneEuroOptions, scale = 1) => {
  const filter = new OneEuroFilter(options);
  return signal.map((value, i) => filter.update([value], i / rate, scale)[0] as number);
};
const noise = (count: number, seed = 1) => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.normal());
};
const deviation = (values: readonly number[]) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);

describe('OneEuroFilter', () => {
  it('is the algorithm of the paper', () => {
    const signal = noise(200).map((value, i) => 10 * Math.sin(i / 9) + value);
    for (const [minCutoff, beta, derivativeCutoff] of [
      [1, 0, 1],
      [1, 0.007, 1],
      [0.3, 2, 0.5],
    ] as const) {
      const expected = paper(signal, 30, minCutoff, beta, derivativeCutoff);
      const actual = run(signal, 30, { minCutoff, beta, derivativeCutoff });
      // Times i / 30 differ by rounding from a period of 1 / 30.
      actual.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 9);
      });
    }
  });

  it('is worked out by hand for two samples', () => {
    // Cutoff 1 Hz, one sample a second: share of new 1 / (1 + 1 / 2 pi) = 0.862697.
    expect(run([0, 1], 1, { minCutoff: 1, beta: 0 })[1]).toBeCloseTo(0.862697, 6);
    // Speed 0.862697, so cutoff 1.862697 and share 1 / (1 + 1 / (2 pi 1.862697)) = 0.921280.
    expect(run([0, 1], 1, { minCutoff: 1, beta: 1 })[1]).toBeCloseTo(0.92128, 5);
  });

  it('forgets a step by the time constant of its cutoff', () => {
    // As frames become dense, the response tends to 1 - exp(-2 pi cutoff t); at 1000 Hz within 0.5 %.
    const step = run([0, ...Array(1000).fill(1)], 1000, { minCutoff: 0.5, beta: 0 });
    for (const i of [100, 300, 900]) expect(step[i]).toBeCloseTo(1 - Math.exp(-Math.PI * (i / 1000)), 2);
  });

  it('holds still what rests, and follows what moves closer than a plain low-pass filter', () => {
    const options = { minCutoff: 2, beta: 10 };
    // A hundredth of a face of noise at 30 frames a second.
    const rest = noise(600).map((value) => 0.01 * value);
    expect(deviation(run(rest, 30, options).slice(30))).toBeLessThan(0.6 * deviation(rest));
    // One face a second.
    const ramp = Array.from({ length: 90 }, (_, i) => i / 30);
    const lag = (settings: OneEuroOptions) => 89 / 30 - (run(ramp, 30, settings)[89] as number);
    expect(lag(options)).toBeLessThan(0.02);
    expect(lag({ minCutoff: 2, beta: 0 })).toBeGreaterThan(3 * lag(options));
  });

  it('smooths near and far alike', () => {
    const far = noise(50);
    const near = far.map((value) => 8 * value);
    const options = { minCutoff: 1, beta: 0.5 };
    run(near, 30, options, 8).forEach((value, i) => {
      expect(value).toBeCloseTo(8 * (run(far, 30, options)[i] ?? Number.NaN), 9);
    });
  });

  it('filters each number by itself, at uneven times, and repeats itself at the same time', () => {
    const filter = new OneEuroFilter({ beta: 1 });
    const [x, y] = [new OneEuroFilter({ beta: 1 }), new OneEuroFilter({ beta: 1 })];
    for (const [i, time] of [0, 0.03, 0.08, 0.4, 0.41].entries()) {
      const both = filter.update([i, -3 * i], time);
      expect([...both]).toEqual([x.update([i], time)[0], y.update([-3 * i], time)[0]]);
      expect(filter.update([99, 99], time)).toEqual(both);
    }
  });

  it('hands out copies', () => {
    const filter = new OneEuroFilter();
    filter.update([1], 0).fill(5);
    expect(filter.update([1], 1)[0]).toBe(1);
  });

  it('refuses what it cannot use', () => {
    const filter = new OneEuroFilter();
    filter.update([1, 2], 1);
    expect(() => filter.update([1], 2)).toThrow(InvalidInputError);
    expect(() => filter.update([1, Number.NaN], 2)).toThrow(InvalidInputError);
    expect(() => filter.update([1, 2], 0.9)).toThrow(InvalidInputError);
    expect(() => filter.update([1, 2], Number.NaN)).toThrow(InvalidInputError);
    expect(() => filter.update([1, 2], 2, 0)).toThrow(InvalidInputError);
    for (const options of [{ minCutoff: 0 }, { beta: -1 }, { derivativeCutoff: Number.NaN }]) {
      expect(() => new OneEuroFilter(options)).toThrow(InvalidInputError);
    }
  });
});
