import { siteUrl } from './analyzer.js';

/** Addresses of the sample photos, in the order in which they are offered. */
export const SAMPLES: readonly string[] = [1, 2, 3, 4, 5, 6].map((n) => siteUrl(`assets/samples/sample${n}.jpg`));
