import { describe, expect, it } from 'vitest';
import { planTiles, type TileSize } from '../../src/tiles.js';

const TILE: TileSize = { side: 128, smallestFace: 19.2, border: 16, finerBorder: 10 };

describe('planTiles', () => {
  it.each([
    [1920, 1280, 30],
    [1280, 1920, 30],
    [6000, 4000, 94],
    [8000, 300, 40],
    [333, 77, 20],
  ])(
    'shows every face of a %d x %d picture down to %d pixels almost whole and large enough in some tile',
    (width, height, smallest) => {
      const levels = planTiles(width, height, smallest, TILE);
      for (let face = smallest; face < 0.9 * Math.min(width, height); face *= 1.13) {
        for (const cx of [0, 0.13, 0.37, 0.5, 0.71, 0.99].map((share) => face / 2 + share * (width - face))) {
          for (const cy of [0, 0.29, 0.5, 0.83, 1].map((share) => face / 2 + share * (height - face))) {
            const best = Math.max(
              ...levels.flatMap(({ scale, border, tiles }) => {
                const side = face * scale;
                if (side < 0.99 * TILE.smallestFace) return [];
                return tiles.map(({ x, y }) => {
                  const seen = (centre: number, from: number): number => {
                    const at = centre * scale + border - from;
                    return (Math.min(at + side / 2, TILE.side) - Math.max(at - side / 2, 0)) / side;
                  };
                  return Math.min(seen(cx, x), seen(cy, y));
                });
              }),
            );
            expect(best).toBeGreaterThan(0.8);
          }
        }
      }
    },
  );

  it('keeps all tiles on the canvas, and begins with the whole picture', () => {
    const levels = planTiles(1920, 1080, 25, TILE);
    expect(levels[0]?.tiles).toEqual([{ x: 0, y: 0 }]);
    expect(levels[0]?.scale).toBeCloseTo((128 - 32) / 1920, 12);
    for (const { width, height, tiles } of levels) {
      for (const { x, y } of tiles) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(x + TILE.side).toBeLessThanOrEqual(width);
        expect(y + TILE.side).toBeLessThanOrEqual(height);
      }
    }
  });

  it('looks at a small picture once, enlarged to the tile', () => {
    const levels = planTiles(40, 48, 20, TILE);
    expect(levels).toHaveLength(1);
    expect(levels[0]?.scale).toBe(2);
  });

  it('never enlarges to find what a picture cannot show', () => {
    for (const { scale } of planTiles(1000, 1000, 2, TILE)) expect(scale).toBeLessThanOrEqual(1);
  });

  it('looks once at a strip that no face fits into', () => {
    expect(planTiles(40_000, 10, 20, TILE)).toHaveLength(1);
    expect(planTiles(40_000, 11, 20, TILE).length).toBeGreaterThan(1);
  });

  it('looks at a large picture with a coarse wish once', () => {
    expect(planTiles(6000, 4000, 2000, TILE)).toHaveLength(1);
  });
});
