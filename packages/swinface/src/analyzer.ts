import type { FivePoints, ImageSource } from '@swinface/alignment';
import type { Manifest } from '@swinface/core';
import type { Comparison, Embedded, Match } from '@swinface/postprocessing';
import type { AlignedFace, Choice, EngineChoice, Face, FaceAnalyzerOptions, StreamFrame, Timings } from './types.js';

/** Options of {@link FaceAnalyzer.analyze}. */
export interface AnalyzeOptions {
  readonly signal?: AbortSignal;
  /** Five points of each face in pixels of the source, instead of locating faces. */
  readonly points?: readonly FivePoints[];
  readonly onTimings?: (timings: Timings) => void;
}

/** Signatures first; the implementation follows. */
export declare class FaceAnalyzer {
  private constructor();
  static create(options: FaceAnalyzerOptions): Promise<FaceAnalyzer>;
  readonly engine: Choice<Exclude<EngineChoice, 'auto'>>;
  readonly locator: Choice<string>;
  readonly manifest: Manifest;
  /** Names of the outputs computed. */
  readonly outputs: readonly string[];
  analyze(source: ImageSource, options?: AnalyzeOptions): Promise<readonly Face[]>;
  analyzeAligned(crop: ImageSource, options?: Omit<AnalyzeOptions, 'points'>): Promise<AlignedFace>;
  stream(video: HTMLVideoElement, options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<StreamFrame>;
  compare(a: Embedded, b: Embedded, options?: { readonly falseMatchRate?: number }): Comparison;
  match(
    query: Embedded,
    candidates: readonly Embedded[],
    options?: { readonly falseMatchRate?: number },
  ): readonly Match[];
  dispose(): void;
  [Symbol.dispose](): void;
}
