import { describe, expect, test, vi } from 'vitest';
import { findingsStore, identify } from '../../src/executors/webgpu/findings.js';
import { only } from '../../src/executors/webgpu/kernel.js';
import { race } from '../../src/executors/webgpu/tuning/race.js';
import { agree } from '../../src/executors/webgpu/tuning/trial.js';

describe('race', () => {
  /** Runs a race of candidates that take these times, round by round. */
  const raceOf = async (times: Readonly<Record<string, readonly number[]>>) => {
    const runs: string[] = [];
    const measure = async (name: string) => {
      const time = times[name]?.[runs.filter((other) => other === name).length];
      runs.push(name);
      return time ?? Number.NaN;
    };
    const names = Object.keys(times) as [string, ...string[]];
    return { winner: await race(names, measure, { rounds: 3, margin: 0.1 }), runs };
  };

  test('who is faster in every round and by the margin wins; rounds are interleaved', async () => {
    const { winner, runs } = await raceOf({ default: [10, 11, 10], b: [8, 8, 8], c: [7, 7.5, 7] });
    expect(winner).toBe('c');
    expect(runs).toEqual(['default', 'b', 'c', 'default', 'b', 'c', 'default', 'b', 'c']);
  });
  test.each([
    ['as fast', [10, 10, 10]],
    ['faster, but not by the margin', [9.2, 9.2, 9.2]],
    ['much faster in the median, but slower in one round', [5, 5, 10.5]],
    ['slower', [12, 12, 12]],
    ['not a number', [Number.NaN, Number.NaN, Number.NaN]],
  ])('the default stays against who is %s', async (_, times) => {
    expect((await raceOf({ default: [10, 10, 10], other: times })).winner).toBe('default');
  });
  test('a disturbance of the default in one round makes nobody win', async () => {
    expect((await raceOf({ default: [10, 100, 10], other: [9.5, 9.5, 9.5] })).winner).toBe('default');
  });
  test('who lost a round runs no more, the default always does', async () => {
    const { winner, runs } = await raceOf({ default: [50, 50, 50], slow: [80, 1, 1], fast: [10, 10, 10] });
    expect(winner).toBe('fast');
    expect(runs).toEqual(['default', 'slow', 'fast', 'default', 'fast', 'default', 'fast']);
  });
  test('what measuring throws ends the race', async () => {
    const reason = new Error('aborted');
    await expect(race(['a', 'b'], () => Promise.reject(reason))).rejects.toBe(reason);
  });
});

describe('agree', () => {
  const expected = Float32Array.of(0, 1, -2, 0.5);
  test.each([
    ['the same', [0, 1, -2, 0.5], true],
    ['rounded otherwise', [1e-6, 1.0001, -2, 0.5], true],
    ['a wrong element', [0, 1, -2, 0.51], false],
    ['nothing written', [0, 0, 0, 0], false],
    ['not a number', [0, 1, -2, Number.NaN], false],
  ])('%s', (_, actual, outcome) => {
    expect(agree(Float32Array.from(actual), expected, false)).toBe(outcome);
  });
  test('half precision may differ more, but not by a wrong element', () => {
    expect(agree(Float32Array.of(0, 1.01, -2, 0.5), expected, true)).toBe(true);
    expect(agree(Float32Array.of(0, 1.1, -2, 0.5), expected, true)).toBe(false);
  });
  test('outcomes of nothing but zeros prove nothing', () => {
    expect(agree(new Float32Array(4), new Float32Array(4), false)).toBe(false);
  });
});

describe('findings', () => {
  const kernel = (source: string, sizes: readonly number[], constants = {}) => ({
    variants: only('entry', source, () => 1, constants),
    sizes,
  });
  test('a kernel is told from one of other code, constants, sizes or faces', () => {
    const identities = [
      identify(kernel('fn a() {}', [1, 2]), 1),
      identify(kernel('fn b() {}', [1, 2]), 1),
      identify(kernel('fn a() {}', [1, 3]), 1),
      identify(kernel('fn a() {}', [1, 2], { FOURS: 2 }), 1),
      identify(kernel('fn a() {}', [1, 2]), 2),
    ];
    expect(new Set(identities).size).toBe(identities.length);
    expect(identify(kernel('fn a() {}', [1, 2]), 1)).toBe(identities[0]);
  });
  test('they stay as long as the process where there is no IndexedDB, by adapter', async () => {
    expect(await findingsStore.load('nobody')).toEqual(new Map());
    await findingsStore.save('somebody', new Map([['kernel', 'variant']]));
    expect(await findingsStore.load('somebody')).toEqual(new Map([['kernel', 'variant']]));
    expect(await findingsStore.load('nobody')).toEqual(new Map());
  });
  test('a database that refuses is no error', async () => {
    vi.stubGlobal('indexedDB', {
      open: () => {
        throw new DOMException('denied', 'SecurityError');
      },
    });
    try {
      expect(await findingsStore.load('another')).toEqual(new Map());
      await expect(findingsStore.save('another', new Map())).resolves.toBeUndefined();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
