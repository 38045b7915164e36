import type { DatasetReport } from './dataset-report.js';
import type { LevelImportance } from './importance.js';
import type { Comparison } from './references.js';

/** Everything an evaluation found. */
export interface EvaluationReport {
  readonly model: { readonly id: string; readonly name: string; readonly licence: string; readonly synthetic: boolean };
  readonly datasets: readonly DatasetReport[];
  readonly comparisons: readonly (Comparison & { readonly set: string })[];
  /** How much each subnet draws from each level of the network, on faces of the first set. */
  readonly importance: readonly LevelImportance[];
}
