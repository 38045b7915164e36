import type { GpuCalls } from '../page/counters.js';
import type { ModelName, Opened } from '../page/main.js';
import type { Peak } from '../page/peak.js';
import type { Parity } from './check.js';
import type { RooflineRow } from './roofline.js';
import type { Spread } from './statistics.js';

/** One engine at one batch size. */
export interface Cell {
  readonly engine: string;
  readonly batch: number;
  /** Milliseconds per run of the whole batch. */
  readonly spread: Spread;
  /** Its only run is the first of this batch size, which may contain what the engine prepares for it. */
  readonly single: boolean;
  readonly parity: Parity;
  readonly calls: GpuCalls;
}

/** What was not measured. */
export interface LeftOut {
  readonly engine: string;
  readonly batch: number;
  readonly reason: string;
  /** It was tried, and threw. */
  readonly failed: boolean;
}

/** Where the GPU's time goes in one engine at one batch size. */
export interface Roofline {
  readonly engine: string;
  readonly batch: number;
  readonly kernels: number;
  /** Times are each kernel's shortest of so many. */
  readonly profiles: number;
  readonly milliseconds: number;
  readonly rows: readonly RooflineRow[];
}

/** Everything measured of one model. */
export interface ModelReport {
  readonly model: ModelName;
  readonly gigaflopPerFace: number;
  readonly engines: Readonly<Record<string, Opened>>;
  readonly cells: readonly Cell[];
  readonly leftOut: readonly LeftOut[];
  readonly rooflines: readonly Roofline[];
}

/** What `--json` writes. */
export interface BenchReport {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly browser: string;
    /** Load average of the last minute when the run began: above 0, others were at work. */
    readonly load: number;
  };
  readonly threads: number;
  readonly rounds: number;
  readonly budgetSeconds: number;
  readonly minutes: number;
  /** That it took so far. */
  readonly seconds: number;
  readonly peak: Peak | undefined;
  readonly models: readonly ModelReport[];
  readonly foreignRequests: readonly string[];
  readonly passed: boolean;
}
