import type { Box, Point } from '@swinface/geometry';
import type { FaceAnalysis } from '../types.js';

/** Positions in pixels of the source image. */
export type Points = readonly Point[];

/** A face of one video frame as tracking needs it; every `Face` is one. */
export interface Detection {
  readonly box: Box;
  /** Points to smooth, as many in every frame of a track. */
  readonly points?: Points;
  /** Identity; with it, faces that cross, hide or swap places keep their ids. Any length but zero. */
  readonly embedding?: Float32Array;
  /** How far to trust the embedding; fully where absent. */
  readonly quality?: Pick<FaceQuality, 'score'>;
}

/** A detection with the id that stays with its face, and with smoothed places. */
export interface Track {
  /** Counts from 1 in order of appearance; never given to another face. */
  readonly id: number;
  /** One Euro filtered. */
  readonly box: Box;
  /** One Euro filtered; absent where the detection has none. */
  readonly points?: Points;
  /** Time in seconds of its first sighting. */
  readonly firstSeen: number;
  /** Frames it was seen in, this one included. */
  readonly sightings: number;
}

/** What `FaceTracks.update` gives. */
export interface TracksUpdate {
  /** One per detection, in their order. */
  readonly tracks: readonly Track[];
  /** Ids of tracks that were given up in this update; they never come back. */
  readonly ended: readonly number[];
}

/** What speaks against a face being recognised well: {@link QUALITY_HINTS} has a sentence for each. */
export type QualityHint = 'too-small' | 'too-dark' | 'too-bright' | 'blurred' | 'turn-to-camera' | 'unrecognisable';

/** How well a face can be recognised from this picture; nothing about the person. */
export interface FaceQuality {
  /** Product of the parts, 0 (useless) to 1. */
  readonly score: number;
  /** By the pixels that the face covers, 0..1. */
  readonly size: number;
  /** By the angle between the face's direction and the camera, 0..1. */
  readonly pose: number;
  /** By the variance of the Laplacian, 0..1; absent where no pixels were given. */
  readonly sharpness?: number;
  /** By the darkest and brightest parts of the face, 0..1; absent where no pixels were given. */
  readonly brightness?: number;
  /** By the network, see `FaceAnalysis.recognisability`; absent where that is. */
  readonly recognisability?: number;
  /** Parts below one half, worst first, `unrecognisable` last, since it tells less of what to do; empty for a good picture. */
  readonly hints: readonly QualityHint[];
}

/** The best sighting of a track so far. */
export interface BestShot {
  /** Identity at that moment, [feature], length 1. */
  readonly embedding: Float32Array;
  /** Quality score of that frame, 0..1. */
  readonly quality: number;
  /** Time in seconds of that frame. */
  readonly time: number;
}

/** The analysis of a tracked face over time. */
export interface AveragedAnalysis extends FaceAnalysis {
  /** Of the frames that `embedding` was averaged from, 0..1, see `Embedded.agreement`; absent with it. */
  readonly agreement?: number;
  /** The frame whose embedding deserves most trust; absent where there was no embedding yet. */
  readonly bestShot?: BestShot;
}

/** One sighting of a tracked face; every `Face` is one. Outputs that were not computed for this frame are left out. */
export interface Sighting extends Partial<FaceAnalysis> {
  /** How much this frame counts; fully where absent. */
  readonly quality?: Pick<FaceQuality, 'score'>;
}
