export { calibrate } from './calibrate.js';
export type { DatasetReport } from './dataset-report.js';
export type { Predictor } from './predict.js';
export type { EvaluationReport } from './report.js';
export { type EvaluateOptions, runEvaluate, summaryLines } from './run.js';
