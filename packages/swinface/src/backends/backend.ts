import type { Similarity, UprightImage } from '@swinface/alignment';
import type {
  Engine,
  LoadedModel,
  LoadProgress,
  OutputSelection,
  RawOutputs,
  RemoteModel,
  WeightMap,
} from '@swinface/core';
import type { EngineKind } from '../types.js';
import type { CropGroup } from './crops.js';

export type { EngineKind } from '../types.js';

/** Outputs of one run, and where its time went in milliseconds. */
export interface NetworkRun {
  readonly raw: RawOutputs;
  readonly warp: number;
  readonly network: number;
}

/** A picture where the backend can read it; dispose it before the picture. */
export interface PreparedImage {
  /**
   * Warps faces and runs the network of one crop group on them.
   *
   * @param group index into the crop groups that the backend was made for
   * @param sourceToCrop one transform per face, at most `maxFaces`
   */
  run(group: number, sourceToCrop: readonly Similarity[]): Promise<NetworkRun>;
  dispose(): void;
}

/** The networks of all crop groups on one device, with what brings pictures to them. */
export interface Backend {
  readonly kind: EngineKind;
  readonly description: string;
  /** Longest side of a picture it can read, in pixels; undefined for no limit of its own. */
  readonly maxSide: number | undefined;
  /** Settles with the reason when the device is lost; never where there is no device to lose. */
  readonly lost: Promise<string>;
  prepare(image: UprightImage): PreparedImage;
  /** Another network on the same device that gives its feature maps too, for one face; the caller disposes it first. */
  openWithLevels(selection: OutputSelection, weights: WeightMap, signal: AbortSignal): Promise<Engine>;
  dispose(): void;
}

/** A model in memory, or one whose weights are read when they are needed. */
export type Model = LoadedModel | RemoteModel;

/** What a backend is made from. */
export interface BackendInput {
  readonly model: Model;
  readonly groups: readonly CropGroup[];
  readonly maxFaces: number;
  readonly signal: AbortSignal;
  /** Bytes of the weights, where they are read. */
  readonly onProgress?: (progress: LoadProgress) => void;
}
