import { describe, expect, it } from 'vitest';
import { intersectionOverUnion } from '../../src/boxes.js';

const box = (x: number, y = 0, side = 10) => ({ x, y, width: side, height: side });

describe('intersectionOverUnion', () => {
  it('is worked out by hand', () => {
    expect(intersectionOverUnion(box(0), box(0))).toBe(1);
    expect(intersectionOverUnion(box(0), box(5))).toBeCloseTo(50 / 150, 12);
    expect(intersectionOverUnion(box(0), box(5, 5))).toBeCloseTo(25 / 175, 12);
    expect(intersectionOverUnion(box(0), box(10))).toBe(0);
    expect(intersectionOverUnion(box(0), box(2, 2, 5))).toBeCloseTo(25 / 100, 12);
    expect(intersectionOverUnion(box(0, 0, 0), box(0, 0, 0))).toBe(0);
  });
});
