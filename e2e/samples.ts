import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const DEMO = join(dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')), 'demo');

/** Path of a bundled sample photo. */
export const samplePhoto = (n: number): string => join(DEMO, `sample${n}.jpg`);

/** How many faces a person counts in each sample that the tests use. */
export const FACES_IN_SAMPLE: Readonly<Record<number, number>> = { 1: 3, 3: 3, 6: 4 };
