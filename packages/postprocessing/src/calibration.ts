import type { ManifestCalibration } from '@swinface/core';

/** A table's own entry; a task called "constructor" must not find what objects inherit. */
const entry = (table: Readonly<Record<string, number>>, name: string, otherwise: number): number =>
  (Object.hasOwn(table, name) ? table[name] : undefined) ?? otherwise;

/** What a task's logits are divided by. */
export const temperatureOf = (name: string, { temperatures }: Pick<ManifestCalibration, 'temperatures'>): number =>
  entry(temperatures, name, 1);

/** Probability from which a task answers yes. */
export const thresholdOf = (name: string, { thresholds }: Pick<ManifestCalibration, 'thresholds'>): number =>
  entry(thresholds, name, 0.5);
