import type { Level } from '@swinface/core';

/** FM1..FM4 as heads read them: averaged to the coarsest side. */
export const pooledLevels = (levels: readonly Level[]): readonly Level[] => {
  const side = Math.min(...levels.map((level) => level.side));
  return levels.map(({ channels }) => ({ channels, side }));
};

/** Name of a level, counted from 0, in a graph. */
export const levelName = (level: number): string => `level${level + 1}`;
