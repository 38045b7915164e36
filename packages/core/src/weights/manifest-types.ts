import type { ModelConfig } from '../config.js';

/** Storage types a shard may hold; everything is computed in float32. */
export type DType = 'F32' | 'F16';

/** One safetensors file. */
export interface ManifestShard {
  /** File name beside the manifest; no path separators. */
  readonly file: string;
  readonly bytes: number;
  /** Lower-case hexadecimal SHA-256 of the whole file. */
  readonly sha256: string;
}

/** How and where a tensor is stored. */
export interface ManifestTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Index into `shards`. */
  readonly shard: number;
}

/** Outputs that read the same crop. */
export interface ManifestCrop {
  /** 1: the ArcFace template itself (tight). Below 1: the template shrunk about its centre, showing more around (loose). */
  readonly zoom: number;
  readonly outputs: readonly string[];
}

/** One line of the measured verification table. */
export interface OperatingPoint {
  readonly falseMatchRate: number;
  /** Cosine similarity at or above which two faces match. */
  readonly threshold: number;
  readonly falseNonMatchRate: number;
}

/** Everything a network's raw outputs need to become results; measured on held-out faces by the trainer. */
export interface ManifestCalibration {
  /** Softmax temperature per task (logits are divided by it); 1 where absent. */
  readonly temperatures: Readonly<Record<string, number>>;
  /** Probability of "yes" from which a binary task answers yes; 0.5 where absent. */
  readonly thresholds: Readonly<Record<string, number>>;
  /** Apparent-age error by predicted age: half-width in years of the interval that holds 80 % of errors. Ascending `age`. */
  readonly ageIntervals: readonly { readonly age: number; readonly halfWidth: number }[];
  /** Ascending false match rate; empty where no verification was measured. */
  readonly verification: readonly OperatingPoint[];
}

/** The passport of a set of weights: what it is, what it may be used for, how to check and read it. */
export interface Manifest {
  readonly format: 'swinface';
  readonly version: 1;
  /** Identifies these very weights; embeddings of different ids are not comparable. */
  readonly id: string;
  readonly config: ModelConfig;
  /** True for generated test weights, which mean nothing. */
  readonly synthetic: boolean;
  readonly shards: readonly ManifestShard[];
  readonly tensors: Readonly<Record<string, ManifestTensor>>;
  /** Disjoint; together they name every output these weights were trained for. Others are not offered. */
  readonly crops: readonly ManifestCrop[];
  readonly calibration: ManifestCalibration;
  readonly licence: string;
  readonly trainingData: readonly string[];
  /** File name of the model card beside the manifest. */
  readonly modelCard?: string;
  /** Held-out figures, for display: name -> value. */
  readonly metrics: Readonly<Record<string, number>>;
}
