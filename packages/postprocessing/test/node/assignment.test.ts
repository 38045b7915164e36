import { describe, expect, it } from 'vitest';
import { cheapestAssignment } from '../../src/stream/assignment.js';
import { Random } from '../support/random.js';

/** The least total over every way to give each row a column of its own. */
function leastTotal(costs: readonly (readonly number[])[], row = 0, taken: readonly number[] = []): number {
  if (row === costs.length) return 0;
  return Math.min(
    ...(costs[row] ?? []).flatMap((cost, column) =>
      taken.includes(column) ? [] : [cost + leastTotal(costs, row + 1, [...taken, column])],
    ),
  );
}

describe('cheapestAssignment', () => {
  it('is as cheap as the best of all assignments', () => {
    const random = new Random(5);
    for (let round = 0; round < 200; round++) {
      const rows = Math.floor(random.uniform() * 5);
      const columns = rows + Math.floor(random.uniform() * 3);
      // Whole numbers make ties common.
      const draw = round % 2 ? () => random.normal() : () => Math.floor(random.uniform() * 4);
      const costs = Array.from({ length: rows }, () => Array.from({ length: columns }, draw));
      const assigned = cheapestAssignment(costs);
      expect(assigned).toHaveLength(rows);
      expect(new Set(assigned).size).toBe(rows);
      const total = assigned.reduce((sum, column, row) => sum + (costs[row]?.[column] ?? Number.NaN), 0);
      expect(total).toBeCloseTo(leastTotal(costs), 9);
    }
  });

  it('gives up the nearest pair where the whole gains by it', () => {
    expect(
      cheapestAssignment([
        [1, 2],
        [1, 9],
      ]),
    ).toEqual([1, 0]);
    expect(cheapestAssignment([])).toEqual([]);
  });
});
