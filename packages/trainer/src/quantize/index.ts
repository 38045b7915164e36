export { compareRoundings } from './compare.js';
export { EFFECT_HEADINGS, effectCells, metricLines } from './effects.js';
export { type MeasureOptions, type QuantizeOptions, quantize, STORAGE_TYPES } from './quantize.js';
