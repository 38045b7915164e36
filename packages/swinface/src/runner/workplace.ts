import type { CapturedImage, LocateOptions, UprightImage } from '@swinface/alignment';
import type { Manifest } from '@swinface/core';
import type { FaceAnalysis } from '@swinface/postprocessing';
import type { FoundFace } from './results.js';
import type { Stopwatch } from './stopwatch.js';

/** A picture that was decoded and looked at. */
export interface Picture<Found> {
  readonly image: UprightImage;
  readonly found: Found;
  readonly watch: Stopwatch;
  /** Lets the next picture be decoded. */
  leaveFront(): void;
  /** Frees it. */
  dispose(): void;
}

/** The steps of an analysis on this thread, one by one: what follows the faces of a video combines them in its own way. */
export interface Workplace {
  readonly manifest: Manifest;
  /** Whether {@link enterNetwork} would not have to wait. */
  readonly networkIsFree: boolean;
  /**
   * Decodes a picture and looks at it, with no other picture at it meanwhile. The caller lets the next one in with
   * `leaveFront`, and disposes.
   */
  bringIn<Found>(
    picture: CapturedImage,
    look: (image: UprightImage, watch: Stopwatch) => Found | Promise<Found>,
    signal: AbortSignal,
  ): Promise<Picture<Found>>;
  /** @throws {InvalidInputError} if the analyzer was created without a locator */
  locate(
    image: UprightImage,
    previous: LocateOptions['previous'] | undefined,
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<readonly FoundFace[]>;
  /** What the network says of faces of a picture, in their order. */
  analyzeFaces(
    image: UprightImage,
    faces: readonly Pick<FoundFace, 'points'>[],
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<readonly FaceAnalysis[]>;
  /** Waits for a place on the network. @returns what gives it back */
  enterNetwork(signal: AbortSignal): Promise<() => void>;
  /** Keeps the runner's parts alive until a background task has ended. */
  keep<R>(task: Promise<R>): Promise<R>;
}
