import { intersectionOverUnion } from '@swinface/alignment';
import { describe, expect, it } from 'vitest';
import { FaceTracker } from '../../src/tracking.js';

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

describe('FaceTracker', () => {
  it('keeps ids while faces move and change order', () => {
    const tracker = new FaceTracker();
    expect(tracker.update([box(0), box(100)])).toEqual([1, 2]);
    expect(tracker.update([box(103), box(2)])).toEqual([2, 1]);
    expect(tracker.update([box(4), box(50), box(105)])).toEqual([1, 3, 2]);
  });

  it('gives one id to one face, the one that overlaps most', () => {
    const tracker = new FaceTracker();
    tracker.update([box(0)]);
    expect(tracker.update([box(4), box(1)])).toEqual([2, 1]);
  });

  it('remembers a face for ten frames and no longer', () => {
    const remembered = (missed: number) => {
      const tracker = new FaceTracker();
      tracker.update([box(0)]);
      for (let i = 0; i < missed; i++) tracker.update([]);
      return tracker.update([box(0)])[0] === 1;
    };
    expect(remembered(10)).toBe(true);
    expect(remembered(11)).toBe(false);
  });
});
