import { InvalidInputError, type Manifest } from '@swinface/core';
import { describeValue, isObject, requireInput } from '@swinface/geometry';
import { requireList } from '../checked.js';
import { TrackAverage } from './track-average.js';
import type { AveragedAnalysis, Sighting } from './types.js';

/**
 * Steadies what the network says about tracked faces: means over time, weighted by the quality of each frame, and
 * labels and answers that change only on clear evidence. What changes slowly (age, gender, attributes, identity)
 * is averaged over seconds, what a face does (expression, smile, open mouth) over a few frames. An age's interval stays
 * as wide as measured on single pictures: frames of one video share their errors.
 *
 * @example
 * const averages = new TrackAverages(manifest);
 * const steady = averages.update(track.id, { ...face, quality }, seconds);
 */
export class TrackAverages {
  readonly #manifest: Pick<Manifest, 'config' | 'calibration'>;
  readonly #tracks = new Map<number, TrackAverage>();

  /** @param manifest of the model; its tasks, labels and thresholds are read */
  constructor(manifest: Pick<Manifest, 'config' | 'calibration'>) {
    const isManifest = isObject(manifest) && isObject(manifest.config) && isObject(manifest.calibration);
    requireInput(isManifest, 'The argument "manifest"', 'the manifest of a model', manifest);
    this.#manifest = manifest;
  }

  /**
   * Takes a sighting in and gives the track's results by now. Outputs missing in this sighting stay as they were.
   *
   * @param id of the track
   * @param time of the frame in seconds, never less than before for this track
   * @throws {InvalidInputError} if time runs backwards or the quality is not within 0..1
   */
  update(id: number, sighting: Sighting, time: number): AveragedAnalysis {
    requireInput(
      typeof sighting === 'object' && sighting !== null,
      'The argument "sighting"',
      'the results of a face',
      sighting,
    );
    const score = sighting.quality?.score ?? 1;
    let track = this.#tracks.get(id);
    if (!(time >= (track?.time ?? -Infinity) && time < Infinity) || !(score >= 0 && score <= 1)) {
      throw new InvalidInputError('This sighting of a face cannot be averaged.', {
        expected: `seconds${track ? ` from ${track.time}` : ''}, a quality within 0..1`,
        actual: `time ${describeValue(time)}, quality ${describeValue(score)}`,
      });
    }
    if (!track) {
      track = new TrackAverage(this.#manifest);
      this.#tracks.set(id, track);
    }
    return track.update(sighting, score, time);
  }

  /** The results of a track by its last sighting; undefined where there was none. */
  get(id: number): AveragedAnalysis | undefined {
    return this.#tracks.get(id)?.result;
  }

  /** Drops tracks, e.g. the `ended` of `FaceTracks.update`. */
  forget(ids: readonly number[]): void {
    requireList('ids', ids, 'ids of tracks');
    for (const id of ids) this.#tracks.delete(id);
  }
}
