import { parseManifest, parseSafetensors, WeightsInvalidError } from '@swinface/core';
import { type FuzzTarget, fuzz } from '@swinface/testing';
import { expect, test } from 'vitest';
import { coreTargets } from '../fuzz/targets.js';

test.each(await coreTargets())('$name: damage is refused with a reason, or harmless', async (target) => {
  const report = await fuzz(target, 500);
  expect(report.failures).toEqual([]);
  // A target that refuses nothing, or never sees a case, tests nothing.
  expect(report.refused).toBeGreaterThan(250);
  expect(report.refused + report.accepted).toBe(500);
});

test('a reader that breaks the rules is found out', async () => {
  const broken: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['throws what it should not', () => new Uint8Array(-1), /RangeError/],
    ['never seems to end', () => busy(1200), /It took \d+ ms/],
    ['takes all it can get', () => new Uint8Array(beyondPeak(200 * 2 ** 20)).fill(1).length, /It took \d+ MiB/],
  ];
  for (const [name, read, why] of broken) {
    const target: FuzzTarget = { name, make: () => async () => read() };
    const { failures } = await fuzz(target, 1);
    expect(failures.map((failure) => failure.why).join(), name).toMatch(why);
  }
  const refusing: FuzzTarget = {
    name: 'refuses',
    make: () => async () => {
      throw new WeightsInvalidError('No.');
    },
  };
  expect(await fuzz(refusing, 2)).toMatchObject({ refused: 2, accepted: 0, reasons: 1, failures: [] });
});

test('JSON nested a million deep is refused like any other', () => {
  const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
  const header = new TextEncoder().encode(`{"a":${deep}}`);
  const file = new Uint8Array(8 + header.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  expect(() => parseSafetensors(file)).toThrow(WeightsInvalidError);
  let nested: unknown = 1;
  for (let depth = 0; depth < 1_000_000; depth++) nested = { config: nested };
  expect(() => parseManifest(nested)).toThrow(WeightsInvalidError);
});

function busy(milliseconds: number): void {
  const start = process.cpuUsage();
  for (
    let used = { user: 0, system: 0 };
    used.user + used.system < 1000 * milliseconds;
    used = process.cpuUsage(start)
  );
}

/** So many bytes that the process, with them, has `bytes` more than ever before. */
const beyondPeak = (bytes: number): number => 1024 * process.resourceUsage().maxRSS - process.memoryUsage.rss() + bytes;
