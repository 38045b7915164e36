export type { BatchSource, SoftmaxTarget, TrainingBatch, VectorTarget } from './batch.js';
export { type Benchmark, benchmark } from './benchmark.js';
export {
  CONVERT_FORMATS,
  type ConvertFormat,
  type ConvertOptions,
  type ConvertSummary,
  convert,
} from './convert/index.js';
export type { Ignored } from './convert/tensors.js';
export {
  type DataRecipe,
  LAYOUTS,
  type LayoutReader,
  openTrainingSource,
  type PartRecipe,
  type TrainingData,
  writeList,
} from './data/index.js';
export { DEVICES, type Device } from './engine/device.js';
export {
  calibrate,
  type DatasetReport,
  type EvaluateOptions,
  type EvaluationReport,
  type Predictor,
  runEvaluate,
} from './evaluate/index.js';
export { Explainer, type ExplainOptions, explain } from './explain.js';
export { type ExportOptions, exportRun, trainedWeights, weightsToStartFrom } from './export.js';
export { differentiate } from './graph/differentiate.js';
export { type RunningStatistic, recordTrainingGraph, type TrainingGraph } from './graph/training-graph.js';
export { type BatchStatistics, type RandomMask, type Regularisation, TrainingOps } from './graph/training-ops.js';
export { HEADS, withHeads } from './heads.js';
export { type MeasureOptions, type QuantizeOptions, quantize } from './quantize/index.js';
export {
  type ObjectivesRecipe,
  type OptimiserRecipe,
  type PassportRecipe,
  parseRecipe,
  type Recipe,
  type ValidationRecipe,
} from './recipe.js';
export { recipeConfig, type TrainOptions, type TrainSummary, train } from './train.js';
