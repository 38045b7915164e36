import type { Network, NetworkResults, WeightMap } from '@swinface/core';
import type { KernelTime } from '@swinface/core/webgpu';

/** What an engine is made from: the same weights for all of them. */
export interface EngineInput {
  readonly network: Network;
  /** By checkpoint name. */
  readonly weights: WeightMap;
  readonly maxFaces: number;
  /** Threads of the engines that run on the CPU. */
  readonly threads: number;
  /** Called with the milliseconds since the start when the weights are on the device, where an engine tells. */
  readonly onUploaded: () => void;
}

/** A network that is ready to run. */
export interface RunningEngine {
  readonly description: string;
  run(images: Float32Array, count: number): Promise<NetworkResults>;
  /** Bytes it holds on its device or in its wasm heap, where it tells. */
  bytes?(): number | undefined;
  /** GPU time per kernel. */
  profile?(count: number): Promise<readonly KernelTime[]>;
  dispose(): Promise<void> | void;
}

/** Says why an engine cannot be measured; the run goes on without it. */
export class Skipped extends Error {}

/** One contestant. */
export interface Contestant {
  readonly id: string;
  open(input: EngineInput): Promise<RunningEngine>;
}
