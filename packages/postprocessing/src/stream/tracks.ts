import { InvalidInputError, type OperatingPoint } from '@swinface/core';
import { at } from '@swinface/core/internal';
import { describeValue } from '@swinface/geometry';
import { requireList, requireOptions, requireVerification } from '../checked.js';
import { operatingPoint } from '../matching.js';
import { cheapestAssignment } from './assignment.js';
import { OneEuroFilter, type OneEuroOptions } from './one-euro.js';
import { type CheckedDetection, checkedDetection, type LikenessScale, TrackState } from './track-state.js';
import type { Detection, Track, TracksUpdate } from './types.js';

/** How {@link FaceTracks} follows faces. */
export interface FaceTracksOptions {
  /**
   * `manifest.calibration.verification`: says which similarities mean the same face. With it, a face that was lost is
   * recognised wherever it shows up again; without it, cosines count as they are and only moves decide who may be whom.
   */
  readonly verification?: readonly OperatingPoint[];
  /** Seconds for which a face that is not seen keeps its id. Default 2. */
  readonly patience?: number;
  /** Smoothing of boxes and points, speeds in face sides per second. Default `{ minCutoff: 2, beta: 10 }`. */
  readonly smoothing?: OneEuroOptions;
}

const SMOOTHING: OneEuroOptions = { minCutoff: 2, beta: 10 };

/**
 * Gives the faces of a video ids that stay with them: through crossing, occlusion, drop-outs and swapped places.
 * Each update pairs detections with tracks so that the pairs as a whole fit best (Hungarian assignment), by the overlap
 * with where each track should be by now and by the likeness of the embeddings.
 *
 * @example
 * const tracks = new FaceTracks({ verification: manifest.calibration.verification });
 * const averages = new TrackAverages(manifest);
 * const { tracks: now, ended } = tracks.update(faces, seconds);
 * for (const [i, { id, box }] of now.entries()) draw(box, averages.update(id, faces[i], seconds));
 * averages.forget(ended);
 */
export class FaceTracks {
  readonly #likeness: LikenessScale;
  readonly #patience: number;
  readonly #smoothing: OneEuroOptions;
  #states: readonly TrackState[] = [];
  #next = 1;
  #time = -Infinity;

  /** @throws {InvalidInputError} if `patience` is not a number of seconds from 0, or another option is not usable */
  constructor(options: FaceTracksOptions = {}) {
    requireOptions(options);
    const { verification = [], patience = 2, smoothing = SMOOTHING } = options as FaceTracksOptions;
    requireVerification(verification);
    new OneEuroFilter(smoothing); // Refuses what later filters would, before there is a face.
    if (!(typeof patience === 'number' && patience >= 0)) {
      throw new InvalidInputError('The patience of tracks is not usable.', {
        expected: 'seconds, 0 or more',
        actual: describeValue(patience),
      });
    }
    this.#patience = patience;
    this.#smoothing = smoothing;
    this.#likeness = likenessScale(verification);
  }

  /**
   * The tracks of one frame's faces. Frames may come at any rate.
   *
   * @param detections all faces of the frame, in any order
   * @param time of the frame in seconds, never less than before
   * @throws {InvalidInputError} if time runs backwards, or a box, a point or an embedding is not usable
   */
  update(detections: readonly Detection[], time: number): TracksUpdate {
    requireList('detections', detections, 'faces');
    if (!(typeof time === 'number' && time >= this.#time && time < Infinity)) {
      throw new InvalidInputError('Frames must come in the order of their times.', {
        expected: `seconds, at least ${this.#time}`,
        actual: describeValue(time),
        hint: 'Make new FaceTracks where a video starts over.',
      });
    }
    const checked = detections.map(checkedDetection);
    const assigned = this.#assign(checked, time);
    this.#time = time;
    const states = checked.map((_, i) => assigned[i] ?? new TrackState(this.#next++, time, this.#smoothing));
    const tracks = checked.map((detection, i): Track => (states[i] as TrackState).see(detection, time));
    const [lost, ended]: [TrackState[], number[]] = [[], []];
    for (const state of this.#states) {
      if (states.includes(state)) continue;
      if (time - state.lastSeen <= this.#patience) lost.push(state);
      else ended.push(state.id);
    }
    this.#states = [...states, ...lost];
    return { tracks, ended };
  }

  /** The known track of each detection, where one fits: the pairs with the largest sum of fits. */
  #assign(detections: readonly CheckedDetection[], time: number): readonly (TrackState | undefined)[] {
    const known = this.#states.filter(({ lastSeen }) => time - lastSeen <= this.#patience);
    // As many empty columns as rows: to stay unpaired costs 0, which is what a pair that does not fit costs too.
    const costs = detections.map((detection) => [
      ...known.map((state) => -(state.fit(detection, time, this.#likeness) ?? 0)),
      ...detections.map(() => 0),
    ]);
    return cheapestAssignment(costs).map((column, row) => (at(at(costs, row), column) < 0 ? known[column] : undefined));
  }
}

/** The span of cosines from "strangers" to "the same face", from the measured table. */
function likenessScale(verification: readonly OperatingPoint[]): LikenessScale {
  const strict = operatingPoint(verification);
  if (!strict) return { stranger: 0, same: 1, recognised: Infinity };
  const loosest = Math.min(...verification.map(({ threshold }) => threshold));
  return { stranger: loosest, same: strict.threshold, recognised: strict.threshold };
}
