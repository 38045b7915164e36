import { fuzz } from '@swinface/testing';
import { expect, test } from 'vitest';
import { coreTargets } from '../fuzz/targets.js';

test.each(await coreTargets())('$name: damage is refused with a reason, or harmless', async (target) => {
  const report = await fuzz(target, 500);
  expect(report.failures).toEqual([]);
  // A target that refuses nothing, or never sees a case, tests nothing.
  expect(report.refused).toBeGreaterThan(250);
  expect(report.refused + report.accepted).toBe(500);
});
