import { InvalidInputError } from '@swinface/core';
import { at } from '@swinface/core/internal';
import {
  type Box,
  centreOf,
  checkBox,
  describeValue,
  intersectionOverUnion,
  isObject,
  meanSide,
  requireInput,
} from '@swinface/geometry';
import { requireVector } from '../checked.js';
import { dot } from '../matching.js';
import { firstNonFinite, normalised } from '../numeric.js';
import { OneEuroFilter, type OneEuroOptions } from './one-euro.js';
import type { Detection, Points, Track } from './types.js';

/** Cosines that mean something. */
export interface LikenessScale {
  /** At or below: as unlike as strangers. */
  readonly stranger: number;
  /** At or above: as alike as one face. */
  readonly same: number;
  /** From here on a face is known wherever it shows up. */
  readonly recognised: number;
}

/** Seconds over which the velocity of a face is averaged. */
const VELOCITY_MEMORY = 0.2;
/** Seconds after which a face out of sight is thought to have stopped: predictions go no further than this at full speed. */
const MOMENTUM = 1;
/** How far from its prediction a face may turn up: face sides at once, more per second unseen, and at most. */
const REACH = { atOnce: 0.5, perSecond: 2, atMost: 2.5 };
/** Ratio of sides up to which two boxes may be one face, from one frame to the next. */
const MOST_GROWTH = 1.6;
/** Seconds out of sight after which a place is not enough any more: whoever is there must not look like a stranger. */
const MAY_BE_REPLACED = 0.5;
/** Share of a trusted new embedding in the remembered one. */
const EMBEDDING_SHARE = 0.2;

/** A detection that was checked. */
export interface CheckedDetection {
  readonly box: Box;
  readonly points: Points | undefined;
  /** Of length 1. */
  readonly embedding: Float32Array | undefined;
  /** 0..1: embeddings of pictures at half the full quality count fully. */
  readonly trust: number;
}

/** @throws {InvalidInputError} if a number is not finite, the box empty or the embedding zero */
export function checkedDetection(detection: Detection): CheckedDetection {
  requireInput(isObject(detection), 'A detection', 'an object with a box', detection);
  const { box, points, embedding, quality } = detection;
  checkBox(box);
  const trust = typeof quality?.score === 'number' ? Math.min(1, 2 * quality.score) : quality ? Number.NaN : 1;
  requireInput(points === undefined || Array.isArray(points), 'The points of a face', 'a list of points', points);
  if (embedding !== undefined) requireVector('embedding', embedding);
  if ((points && firstNonFinite(points.flat()) >= 0) || !(trust >= 0)) {
    throw new InvalidInputError('A detection of a face is not usable.', {
      expected: 'points of finite numbers and a quality score within 0..1',
      actual: `${points?.length ?? 0} points and a score of ${describeValue(quality?.score)}`,
    });
  }
  return { box, points, embedding: embedding && normalised(embedding, 'The embedding of a face'), trust };
}

/** What is known of one track. */
export class TrackState {
  readonly id: number;
  readonly #smoothing: OneEuroOptions;
  readonly #firstSeen: number;
  #lastSeen: number;
  #sightings = 0;
  #box: Box | undefined;
  /** Pixels per second. */
  #velocity: readonly [number, number] = [0, 0];
  #embedding: Float32Array | undefined;
  #boxFilter: OneEuroFilter;
  #pointFilter: OneEuroFilter;
  #pointCount = 0;

  constructor(id: number, time: number, smoothing: OneEuroOptions) {
    this.id = id;
    this.#smoothing = smoothing;
    this.#firstSeen = time;
    this.#lastSeen = time;
    this.#boxFilter = new OneEuroFilter(smoothing);
    this.#pointFilter = new OneEuroFilter(smoothing);
  }

  /** Time of the last sighting, seconds. */
  get lastSeen(): number {
    return this.#lastSeen;
  }

  /**
   * How well a detection fits, above 0 and at most 2: up to 1 by place, and 1 more or less by likeness. Undefined where
   * it cannot be this face.
   */
  fit(detection: CheckedDetection, time: number, scale: LikenessScale): number | undefined {
    const place = this.#placeFit(detection.box, time);
    const similarity = this.#similarity(detection);
    if (similarity === undefined) return place;
    const { trust } = detection;
    if (place === undefined) return similarity >= scale.recognised ? trust : undefined;
    const middle = (scale.same + scale.stranger) / 2;
    const likeness = clamp((similarity - middle) / Math.max(scale.same - middle, 1e-6), -1, 1) * trust;
    if (likeness === -1 && time - this.#lastSeen > MAY_BE_REPLACED) return undefined;
    // A face right where it is expected stays itself, however unlike it may look for a moment.
    return Math.max(place + likeness, 1e-3 * place);
  }

  /** Takes a detection in. */
  see(detection: CheckedDetection, time: number): Track {
    const elapsed = time - this.#lastSeen;
    if (elapsed > MAY_BE_REPLACED) {
      this.#boxFilter = new OneEuroFilter(this.#smoothing);
      this.#pointFilter = new OneEuroFilter(this.#smoothing);
    }
    this.#move(detection.box, elapsed);
    this.#remember(detection);
    this.#lastSeen = time;
    this.#sightings++;
    const side = meanSide(detection.box);
    const points = detection.points && this.#smoothed(detection.points, time, side);
    return {
      id: this.id,
      box: this.#smoothedBox(detection.box, time, side),
      ...(points && { points }),
      firstSeen: this.#firstSeen,
      sightings: this.#sightings,
    };
  }

  /** 1 where it is expected, 0 at the limit of its reach; undefined beyond. */
  #placeFit(box: Box, time: number): number | undefined {
    if (!this.#box) return undefined;
    const elapsed = time - this.#lastSeen;
    const coasted = MOMENTUM * (1 - Math.exp(-elapsed / MOMENTUM));
    const [vx, vy] = this.#velocity;
    const expected = { ...this.#box, x: this.#box.x + vx * coasted, y: this.#box.y + vy * coasted };
    const side = meanSide(expected);
    const [[x, y], [ex, ey]] = [centreOf(box), centreOf(expected)];
    const reach = Math.min(REACH.atOnce + REACH.perSecond * elapsed, REACH.atMost) * side;
    const away = Math.hypot(x - ex, y - ey) / reach;
    const growth = Math.abs(Math.log(meanSide(box) / side));
    if (away >= 1 || growth > Math.log(MOST_GROWTH) * (1 + elapsed)) return undefined;
    return (1 - away + intersectionOverUnion(box, expected)) / 2;
  }

  #similarity({ embedding }: CheckedDetection): number | undefined {
    if (!embedding || this.#embedding?.length !== embedding.length) return undefined;
    return dot(this.#embedding, embedding);
  }

  #move(box: Box, elapsed: number): void {
    if (this.#box && elapsed > 0) {
      const [[x, y], [oldX, oldY]] = [centreOf(box), centreOf(this.#box)];
      const share = 1 - Math.exp(-elapsed / VELOCITY_MEMORY);
      const [vx, vy] = this.#velocity;
      this.#velocity = [vx + share * ((x - oldX) / elapsed - vx), vy + share * ((y - oldY) / elapsed - vy)];
    }
    this.#box = box;
  }

  #remember({ embedding, trust }: CheckedDetection): void {
    if (!embedding) return;
    const old = this.#embedding;
    if (old?.length !== embedding.length) {
      this.#embedding = embedding;
      return;
    }
    const share = EMBEDDING_SHARE * trust;
    const blend = embedding.map((value, i) => value * share + at(old, i) * (1 - share));
    this.#embedding = normalised(blend, 'The embedding of a track');
  }

  #smoothedBox({ x, y, width, height }: Box, time: number, side: number): Box {
    const [centreX = 0, centreY = 0, smoothWidth = 0, smoothHeight = 0] = this.#boxFilter.update(
      [x + width / 2, y + height / 2, width, height],
      time,
      side,
    );
    return { x: centreX - smoothWidth / 2, y: centreY - smoothHeight / 2, width: smoothWidth, height: smoothHeight };
  }

  #smoothed(points: Points, time: number, side: number): Points {
    if (points.length !== this.#pointCount) this.#pointFilter = new OneEuroFilter(this.#smoothing);
    this.#pointCount = points.length;
    const flat = this.#pointFilter.update(points.flat(), time, side);
    return points.map((_, i) => [at(flat, 2 * i), at(flat, 2 * i + 1)]);
  }
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));
