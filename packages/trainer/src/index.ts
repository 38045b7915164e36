export { type Benchmark, benchmark } from './benchmark/benchmark.js';
export {
  CONVERT_FORMATS,
  type ConvertFormat,
  type ConvertOptions,
  type ConvertSummary,
  convert,
} from './convert/index.js';
export type { Ignored } from './convert/tensors.js';
export { LAYOUTS, type LayoutReader, writeList } from './data/readers/index.js';
export { DEVICES, type Device } from './engine/device.js';
export {
  calibrate,
  type DatasetReport,
  type EvaluateOptions,
  type EvaluationReport,
  type Predictor,
  runEvaluate,
} from './evaluate/index.js';
export { type ExplainOptions, explain } from './explain/explain.js';
export { Explainer } from './explain/explainer.js';
export { type ExportOptions, exportRun, trainedWeights, weightsToStartFrom } from './export/export.js';
export { differentiate } from './graph/differentiate.js';
export { type RunningStatistic, recordTrainingGraph, type TrainingGraph } from './graph/training-graph.js';
export { type BatchStatistics, type RandomMask, type Regularization, TrainingOps } from './graph/training-ops.js';
export { type RecognisabilityOptions, runRecognisability } from './quality/index.js';
export { type MeasureOptions, type QuantizeOptions, quantize } from './quantize/index.js';
export { recipeConfig } from './recipe/config.js';
export type { DataRecipe, PartRecipe } from './recipe/data.js';
export {
  type ObjectivesRecipe,
  type OptimizerRecipe,
  type PassportRecipe,
  parseRecipe,
  type Recipe,
  type ValidationRecipe,
} from './recipe/recipe.js';
export type { BatchSource, SoftmaxTarget, TrainingBatch, VectorTarget } from './tasks/batch.js';
export { HEADS, withHeads } from './tasks/heads.js';
export { openTrainingSource, type TrainingData } from './train/data.js';
export { type TrainOptions, type TrainSummary, train } from './train/train.js';
