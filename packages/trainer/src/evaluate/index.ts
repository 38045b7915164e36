export { calibrate } from './calibrate.js';
export type { DatasetReport } from './dataset-report.js';
export type { Predictor } from './predict.js';
export { type EvaluateOptions, type EvaluationReport, runEvaluate, summaryLines } from './run.js';
