import { type CapturedImage, intersectionOverUnion, type LocatedFace, type UprightImage } from '@swinface/alignment';
import { anySignal, at } from '@swinface/core/internal';
import {
  type Detection,
  type FaceAnalysis,
  type FaceQuality,
  type HeadPose,
  headPose,
  type Track,
} from '@swinface/postprocessing';
import { FaceTracks, OneEuroFilter, TrackAverages } from '@swinface/postprocessing/stream';
import { qualityOf } from '../runner/quality.js';
import { type FoundFace, faceOf } from '../runner/results.js';
import type { FrameWatcher, WatchedFrame, WatchOptions } from '../runner/runner.js';
import { Stopwatch } from '../runner/stopwatch.js';
import type { Workplace } from '../runner/workplace.js';
import type { TrackedFace } from '../types.js';
import { Rate } from './rate.js';

/**
 * What passes at least from one search of the whole frame to the next; in between, faces are looked for near where they were.
 * A search of 640 x 480 pixels takes as long as five frames: in each tenth frame it held a stream at 12 a second where one a
 * second allows 15 (medians of three runs of `npm run compare` on a busy machine).
 */
const SEARCH_EVERY = { frames: 10, seconds: 1 } as const;
/** Overlap from which a face is plainly the one that was there a frame ago, and up to which another is not in its way. */
const PLAINLY = { same: 0.4, apart: 0.1 } as const;
/** Seconds after which nothing is plain any more. */
const MOMENT = 1;
/** Seconds for which a face that is not seen keeps its id; on a slow machine a frame alone may take one. */
const PATIENCE = 5;
/** A face that turned this many degrees, or whose size changed by this factor, has changed. */
const CHANGED = { degrees: 20, size: 1.5 } as const;
/** As the boxes' and points' smoothing of `FaceTracks`. */
const SMOOTHING = { minCutoff: 2, beta: 10 } as const;

/** A face of the last frame. */
interface Before {
  readonly id: number;
  readonly face: FoundFace;
}

/** What is remembered of a track. */
interface Memory {
  /** Of the frame that the network last looked at. */
  quality: FaceQuality;
  pose: HeadPose;
  side: number;
  /** Seconds: that frame's time, and that of the last frame sent to the network. */
  analysedAt: number;
  sentAt: number;
  /** Identity that the tracker has not seen yet, since it came after its frame. */
  news: Pick<Detection, 'embedding' | 'quality'> | undefined;
  landmarks: { readonly filter: OneEuroFilter; seenAt: number } | undefined;
}

/** A look at one face by the network. */
interface Look {
  readonly face: FoundFace;
  readonly quality: FaceQuality;
}

/**
 * Follows the faces of one video. Every frame is located; the network runs in the background, on faces that changed and
 * at a set rate on the others, while further frames are located. Only faces that are new, or that may be taken for one
 * another, are waited for: they need their identity to get their id.
 */
export class LocalWatcher implements FrameWatcher {
  readonly #runner: Workplace;
  readonly #every: number;
  readonly #tracks: FaceTracks;
  readonly #averages: TrackAverages;
  readonly #memories = new Map<number, Memory>();
  readonly #life = new AbortController();
  readonly #runs = new Rate();
  #before: readonly Before[] = [];
  #beforeAt = -Infinity;
  #frames = 0;
  /** The last search of a whole frame. */
  #searched = { frame: -Infinity, time: -Infinity };
  #failure: unknown;

  constructor(runner: Workplace, { analyzeEvery }: WatchOptions) {
    this.#runner = runner;
    this.#every = analyzeEvery / 1000;
    const { manifest } = runner;
    this.#tracks = new FaceTracks({ verification: manifest.calibration.verification, patience: PATIENCE });
    this.#averages = new TrackAverages(manifest);
  }

  look(picture: CapturedImage, time: number, signal: AbortSignal): Promise<WatchedFrame> {
    return this.#runner.keep(this.#look(picture, time, anySignal(signal, this.#life.signal)));
  }

  async #look(picture: CapturedImage, time: number, signal: AbortSignal): Promise<WatchedFrame> {
    if (this.#failure !== undefined) throw this.#failure;
    const previous = this.#searches(time) ? undefined : this.#near();
    const { image, found, watch, leaveFront, dispose } = await this.#runner.bringIn(
      picture,
      (image, watch) => this.#runner.locate(image, previous, signal, watch),
      signal,
    );
    leaveFront();
    const users = new Shared(dispose);
    try {
      const known = found.map((face) => this.#plainly(face, found, time));
      const open = found.filter((_, i) => known[i] === undefined);
      const looks = await this.#analyse(image, open, signal, watch);
      const tracks = this.#update(found, known, looks, time);
      // A face that looked plain, but that the tracker takes for another.
      const strangers = found.filter((_, i) => !this.#memories.has(at(tracks, i).id));
      for (const [face, look] of await this.#analyse(image, strangers, signal, watch)) {
        this.#learn(at(tracks, found.indexOf(face)).id, look, time);
      }
      this.#analyseLater(image, found, tracks, time, users);
      const faces = await watch.time('results', () => found.map((face, i) => this.#result(face, at(tracks, i), time)));
      this.#before = found.map((face, i) => ({ face, id: at(tracks, i).id }));
      this.#beforeAt = time;
      return { faces, timings: watch.read(), analysisRate: this.#runs.read() };
    } finally {
      users.release();
    }
  }

  close(): void {
    this.#life.abort(new DOMException('The stream has ended.', 'AbortError'));
  }

  /** Whether the frame at this time is to be searched as a whole. */
  #searches(time: number): boolean {
    const frame = this.#frames++;
    const isDue =
      frame - this.#searched.frame >= SEARCH_EVERY.frames && time - this.#searched.time >= SEARCH_EVERY.seconds;
    if (!isDue && this.#before.length > 0) return false;
    this.#searched = { frame, time };
    return true;
  }

  #near(): Pick<LocatedFace, 'box' | 'points' | 'score'>[] {
    return this.#before.map(({ face: { box, points, score = 1 } }) => ({ box, points, score }));
  }

  /** The id of a face that is plainly where one was a moment ago, with no other near. */
  #plainly(face: FoundFace, all: readonly FoundFace[], time: number): number | undefined {
    if (time - this.#beforeAt > MOMENT) return undefined;
    const near = this.#before.filter((before) => intersectionOverUnion(before.face.box, face.box) > PLAINLY.apart);
    const [only] = near;
    if (!only || near.length > 1 || intersectionOverUnion(only.face.box, face.box) < PLAINLY.same) return undefined;
    const rivals = all.filter((other) => intersectionOverUnion(only.face.box, other.box) > PLAINLY.apart);
    return rivals.length === 1 ? only.id : undefined;
  }

  /** Waits for the network. */
  async #analyse(
    image: UprightImage,
    faces: readonly FoundFace[],
    signal: AbortSignal,
    watch: Stopwatch,
  ): Promise<Map<FoundFace, Look & { readonly analysis: FaceAnalysis }>> {
    if (faces.length === 0) return new Map();
    const leave = await this.#runner.enterNetwork(signal);
    try {
      const analyses = await this.#runner.analyzeFaces(image, faces, signal, watch);
      this.#runs.tick();
      return new Map(
        faces.map((face, i) => {
          const analysis = at(analyses, i);
          return [face, { face, quality: qualityOf(image, face, analysis), analysis }];
        }),
      );
    } finally {
      leave();
    }
  }

  #update(
    found: readonly FoundFace[],
    known: readonly (number | undefined)[],
    looks: ReadonlyMap<FoundFace, Look & { readonly analysis: FaceAnalysis }>,
    time: number,
  ): readonly Track[] {
    const detections = found.map((face, i): Detection => {
      const { box, points } = face;
      const look = looks.get(face);
      if (look) return { box, points, ...identityOf(look.analysis), quality: look.quality };
      const id = known[i];
      const memory = id === undefined ? undefined : this.#memories.get(id);
      const news = memory?.news;
      if (memory) memory.news = undefined;
      return { box, points, ...news };
    });
    const { tracks, ended } = this.#tracks.update(detections, time);
    this.#averages.forget(ended);
    for (const id of ended) this.#memories.delete(id);
    for (const [face, look] of looks) this.#learn(at(tracks, found.indexOf(face)).id, look, time);
    return tracks;
  }

  /** Takes in what the network says of a track. @param time of the frame it saw */
  #learn(id: number, { face, quality, analysis }: Look & { readonly analysis: FaceAnalysis }, time: number): void {
    const old = this.#memories.get(id);
    if (old && old.analysedAt > time) return;
    this.#averages.update(id, { ...analysis, quality }, time);
    this.#memories.set(id, {
      quality,
      pose: headPose(face),
      side: longerSide(face),
      analysedAt: time,
      sentAt: Math.max(time, old?.sentAt ?? time),
      news: undefined,
      landmarks: old?.landmarks,
    });
  }

  /** Sends the faces whose turn it is to the network, if that has room, and does not wait. */
  #analyseLater(
    image: UprightImage,
    found: readonly FoundFace[],
    tracks: readonly Track[],
    time: number,
    users: Shared,
  ): void {
    if (!this.#runner.networkIsFree) return;
    const due = found.flatMap((face, i) => {
      const { id } = at(tracks, i);
      const memory = this.#memories.get(id);
      return memory && time > memory.sentAt && this.#isDue(memory, face, time) ? [{ id, face, memory }] : [];
    });
    if (due.length === 0) return;
    for (const { memory } of due) memory.sentAt = time;
    users.add();
    const run = async () => {
      try {
        const faces = due.map(({ face }) => face);
        const looks = await this.#analyse(image, faces, this.#life.signal, new Stopwatch());
        for (const { id, face } of due) {
          const look = looks.get(face);
          // Tracks that ended meanwhile stay ended.
          if (!look || !this.#memories.has(id)) continue;
          this.#learn(id, look, time);
          const memory = this.#memories.get(id);
          if (memory) memory.news = { ...identityOf(look.analysis), quality: look.quality };
        }
      } catch (error) {
        this.#failure ??= error;
      } finally {
        users.release();
      }
    };
    void this.#runner.keep(run());
  }

  #isDue(memory: Memory, face: FoundFace, time: number): boolean {
    if (time - memory.sentAt >= this.#every) return true;
    // What changed after it was sent is due, not what changed before and is under way.
    if (memory.sentAt > memory.analysedAt) return false;
    const { yaw, pitch, roll } = headPose(face);
    const turned = Math.max(
      Math.abs(yaw - memory.pose.yaw),
      Math.abs(pitch - memory.pose.pitch),
      Math.abs(roll - memory.pose.roll),
    );
    const size = longerSide(face) / memory.side;
    return turned > CHANGED.degrees || Math.max(size, 1 / size) > CHANGED.size;
  }

  #result(face: FoundFace, track: Track, time: number): TrackedFace {
    const { id, box } = track;
    const analysis = this.#averages.get(id);
    const memory = this.#memories.get(id);
    if (!analysis || !memory) throw new RangeError(`Nothing was computed for track ${id}`);
    const place: FoundFace = {
      ...face,
      box,
      points: (track.points as FoundFace['points'] | undefined) ?? face.points,
      ...(face.landmarks && { landmarks: smoothedLandmarks(face.landmarks, memory, longerSide(face), time) }),
    };
    return {
      ...faceOf(place, analysis, memory.quality, this.#runner.manifest.id),
      ...(analysis.bestShot && { bestShot: analysis.bestShot }),
      id,
      analysisAge: 1000 * (time - memory.analysedAt),
    };
  }
}

/** Frees something when its last user releases it. The constructor's caller is the first user. */
class Shared {
  readonly #free: () => void;
  #users = 1;

  constructor(free: () => void) {
    this.#free = free;
  }

  add(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.#free();
  }
}

function smoothedLandmarks(landmarks: Float32Array, memory: Memory, side: number, time: number): Float32Array {
  if (!memory.landmarks || time - memory.landmarks.seenAt > MOMENT) {
    memory.landmarks = { filter: new OneEuroFilter(SMOOTHING), seenAt: time };
  }
  memory.landmarks.seenAt = time;
  return Float32Array.from(memory.landmarks.filter.update(landmarks, time, side));
}

/** Longer side of a face's box, pixels. */
const longerSide = ({ box }: FoundFace): number => Math.max(box.width, box.height, 1);

const identityOf = ({ embedding }: FaceAnalysis): Pick<Detection, 'embedding'> => (embedding ? { embedding } : {});
