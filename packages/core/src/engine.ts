import type { OutputSelection } from './config.js';

/** What one run of the network gives, as plain arrays. Nothing here is normalised or calibrated yet. */
export interface RawOutputs {
  /** Number of faces B. */
  readonly count: number;
  /** [B, feature]; absent if Recognition was not selected. */
  readonly embeddings?: Float32Array;
  /** [B, R], columns as laid out by {@link OutputSelection.tasks}; absent if no task was selected. */
  readonly logits?: Float32Array;
  /** FM1..FM4 [B, H*W, C]; only where the engine was asked to keep them. */
  readonly levels?: readonly [Float32Array, Float32Array, Float32Array, Float32Array];
}

/** A network ready to run: weights loaded, pipelines compiled. */
export interface Engine {
  readonly kind: 'webgpu' | 'wasm' | 'tfjs';
  /** For people: which backend and adapter does the work, e.g. "WebGPU (apple metal-3)". */
  readonly description: string;
  readonly selection: OutputSelection;
  /** Most faces a single `run` accepts. */
  readonly maxFaces: number;
  /**
   * @param images RGB in [-1, 1], [count, 3, 112, 112]
   * @throws {InvalidInputError} if the length does not fit `count`, or `count` is not within 1..maxFaces
   * @throws {DisposedError} after `dispose`
   */
  run(images: Float32Array, count: number): Promise<RawOutputs>;
  /** Frees everything the network holds; later calls of `run` throw. Idempotent. */
  dispose(): void;
}
