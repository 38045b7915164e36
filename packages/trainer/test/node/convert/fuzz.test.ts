import { fuzz } from '@swinface/testing';
import { expect, test } from 'vitest';
import { networkFileTargets } from '../../fuzz/network-files.js';
import { trainerTargets } from '../../fuzz/targets.js';

test.each([...(await trainerTargets()), ...(await networkFileTargets())])(
  '$name: damage is refused with a reason, or harmless',
  async (target) => {
    const report = await fuzz(target, 300);
    expect(report.failures).toEqual([]);
    // A target that refuses nothing, or never sees a case, tests nothing.
    expect(report.refused).toBeGreaterThan(100);
    expect(report.refused + report.accepted).toBe(300);
  },
);
