import type { ModelConfig } from '../config.js';

/** Storage types a shard may hold. I8 is for matrices, with a float32 scale per row beside them. */
export type DType = 'F32' | 'F16' | 'I8';

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

/** Bounds that hold a share, 0..1, with 95 % confidence. */
export interface ShareInterval {
  readonly low: number;
  readonly high: number;
}

/** On whom an operating point was measured, and how surely. */
export interface OperatingPointMeasured {
  /**
   * Strangers who need the strictest threshold, and so decided it: "all" for every two, "one sex and age band" for those
   * alike, or a band such as "young female".
   */
  readonly strangers: string;
  /** Pairs of such strangers. */
  readonly pairs: number;
  /** Of the share of those that match. */
  readonly falseMatches: ShareInterval;
  /** Of the share of pairs of one person that do not. */
  readonly falseNonMatches: ShareInterval;
}

/** One line of the measured verification table. */
export interface OperatingPoint {
  readonly falseMatchRate: number;
  /** Cosine similarity at or above which two faces match. */
  readonly threshold: number;
  readonly falseNonMatchRate: number;
  /** How it was measured; absent where the trainer did not say. */
  readonly measured?: OperatingPointMeasured;
}

/**
 * Tells faces whose embedding can be trusted from those that a fault of the picture decides: darkness, noise, blur, a
 * covered face, none at all. The score is 1 / (1 + exp(-(weights . e / |e| + length |e| + bias))) of the embedding e as the
 * network gives it; from one half on, the table of thresholds holds.
 */
export interface ManifestRecognisability {
  /** One for each number of the embedding at length 1. */
  readonly weights: readonly number[];
  /** Weight of the embedding's length as the network gives it. */
  readonly length: number;
  readonly bias: number;
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
  /** Which faces `verification` holds for; absent where that was not measured. */
  readonly recognisability?: ManifestRecognisability;
}

/** What rounding changed on one set of faces, against the weights before. */
export interface QuantizationEffect {
  /** Name of the set. */
  readonly set: string;
  readonly faces: number;
  /** Cosine between a face's embedding before and after; absent without recognition. */
  readonly cosine?: { readonly mean: number; readonly lowest: number };
  /** Share of faces whose answer changed, by classifying task. */
  readonly changed: Readonly<Record<string, number>>;
  /** Mean absolute change of the age in years; absent without it. */
  readonly age?: number;
  /** Held-out figures after minus before, by name: shares as fractions, ages in years. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** How weights were rounded to fewer bits, and what that changed. */
export interface ManifestQuantization {
  /** Identifier of the weights that were rounded. */
  readonly source: string;
  /** Storage type of the large tensors. */
  readonly dtype: DType;
  /** Each element to its nearest step, or each making up for the rounding of those before it. */
  readonly rounding: 'nearest' | 'compensated';
  readonly effects: readonly QuantizationEffect[];
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
  /** Present where the weights were rounded after training; `metrics` are then those of the weights before. */
  readonly quantization?: ManifestQuantization;
}
