import type { OperatingPoint } from '@swinface/core';
import { type Box, intersectionOverUnion } from '@swinface/geometry';
import { cosineSimilarity } from '@swinface/postprocessing';
import { type Detection, FaceTracks } from '@swinface/postprocessing/stream';
import { Random } from './random.js';

/** A face of a scene at one moment; undefined while it is not seen. */
export type Actor = (seconds: number) => { readonly x: number; readonly y: number; readonly side: number } | undefined;

/** What the truth says beside each detection. */
interface Sight {
  readonly actor: number;
  readonly detection: Detection;
}

export interface Frame {
  readonly time: number;
  readonly sights: readonly Sight[];
}

export interface SceneOptions {
  readonly seconds: number;
  /** Frames per second. Default 15. */
  readonly rate?: number;
  /** Standard deviation of place and size, in sides. Default 0.02. */
  readonly jitter?: number;
  /** Share of detections that fail. Default 0. */
  readonly dropout?: number;
  /** Share of each embedding that is noise; 0.1 gives cosines of 0.9 within an actor. Default 0.1. */
  readonly noise?: number;
  /** Whether detections carry embeddings. Default true. */
  readonly embeddings?: boolean;
  readonly seed?: number;
}

/** A table like that of a small model: same-face cosines around 0.9 within a video, strangers around 0.3. */
export const TABLE: readonly OperatingPoint[] = [
  { falseMatchRate: 1e-4, threshold: 0.85, falseNonMatchRate: 0.9 },
  { falseMatchRate: 1e-3, threshold: 0.77, falseNonMatchRate: 0.8 },
  { falseMatchRate: 1e-2, threshold: 0.66, falseNonMatchRate: 0.7 },
  { falseMatchRate: 1e-1, threshold: 0.46, falseNonMatchRate: 0.4 },
];

const DIMENSIONS = 64;

/** Films actors: frames in which detections jitter, fail and come in random order. */
export function film(actors: readonly Actor[], options: SceneOptions): readonly Frame[] {
  const { seconds, rate = 15, jitter = 0.02, dropout = 0, noise: doubt = 0.1, embeddings = true, seed = 1 } = options;
  const random = new Random(seed);
  // All faces have something in common, as real embeddings of a small model do: strangers are at 0.3 on average.
  const common = random.direction(DIMENSIONS);
  const identities = actors.map(() => blend(common, Math.sqrt(0.3), random.direction(DIMENSIONS), Math.sqrt(0.7)));
  return Array.from({ length: Math.round(seconds * rate) }, (_, i) => {
    const time = i / rate;
    const sights = actors.flatMap((actor, index): Sight[] => {
      const place = actor(time);
      const noise = [0, 0, 0].map(() => random.normal() * jitter);
      const shown = random.uniform() >= dropout;
      const embedding = blend(
        identities[index] ?? [],
        Math.sqrt(1 - doubt),
        random.direction(DIMENSIONS),
        Math.sqrt(doubt),
      );
      if (!place || !shown) return [];
      const [dx = 0, dy = 0, growth = 0] = noise;
      const side = place.side * Math.exp(growth);
      const x = place.x + dx * place.side - side / 2;
      const y = place.y + dy * place.side - side / 2;
      const box = { x, y, width: side, height: side };
      return [{ actor: index, detection: { box, ...(embeddings && { embedding: Float32Array.from(embedding) }) } }];
    });
    return { time, sights: sights.sort(() => random.uniform() - 0.5) };
  });
}

const blend = (a: readonly number[], weightA: number, b: readonly number[], weightB: number): number[] => {
  const sum = a.map((value, i) => value * weightA + (b[i] ?? 0) * weightB);
  const norm = Math.hypot(...sum);
  return sum.map((value) => value / norm);
};

/** Hides those of the actors that another one covers: of two that overlap, the one named later is in front. */
export function occluding(actors: readonly Actor[], overlap = 0.3): readonly Actor[] {
  return actors.map((actor, index) => (time) => {
    const place = actor(time);
    if (!place) return undefined;
    const covered = actors.slice(index + 1).some((other) => {
      const front = other(time);
      return front && intersectionOverUnion(boxAt(place), boxAt(front)) > overlap;
    });
    return covered ? undefined : place;
  });
}

const boxAt = ({ x, y, side }: { x: number; y: number; side: number }): Box => ({
  x: x - side / 2,
  y: y - side / 2,
  width: side,
  height: side,
});

/** Gives an id to each detection of a frame. */
export type Tracker = (detections: readonly Detection[], time: number) => readonly number[];

export const faceTracks = (verification: readonly OperatingPoint[] = TABLE): Tracker => {
  const tracks = new FaceTracks({ verification });
  return (detections, time) => tracks.update(detections, time).tracks.map(({ id }) => id);
};

/** What one would write first, to compare with: the largest overlap with where a face was last, for two seconds. */
export const overlapOnly = (): Tracker => {
  let known: { id: number; box: Box; time: number }[] = [];
  let next = 1;
  return (detections, time) => {
    known = known.filter((track) => time - track.time <= 2);
    const pairs = detections
      .flatMap(({ box }, i) => known.map((track) => ({ i, track, overlap: intersectionOverUnion(box, track.box) })))
      .filter(({ overlap }) => overlap >= 0.3)
      .sort((a, b) => b.overlap - a.overlap);
    const ids = new Map<number, number>();
    for (const { i, track } of pairs) {
      if (!ids.has(i) && ![...ids.values()].includes(track.id)) ids.set(i, track.id);
    }
    return detections.map(({ box }, i) => {
      const id = ids.get(i) ?? next++;
      known = [...known.filter((track) => track.id !== id), { id, box, time }];
      return id;
    });
  };
};

/** What went wrong, counted against the truth. */
export interface Verdict {
  /** Times that an actor got another id than the last one it had (MOTA's identity switches). */
  readonly switches: number;
  /** Ids that were given to more than one actor. */
  readonly shared: number;
  /** Ids given in all. */
  readonly ids: number;
}

/** Runs a tracker over a film and counts its mistakes. */
export function judge(frames: readonly Frame[], tracker: Tracker): Verdict {
  const last = new Map<number, number>();
  const owners = new Map<number, Set<number>>();
  let switches = 0;
  for (const { time, sights } of frames) {
    const ids = tracker(
      sights.map(({ detection }) => detection),
      time,
    );
    if (new Set(ids).size !== sights.length) throw new Error(`At ${time} s the ids ${ids} are not one per face`);
    sights.forEach(({ actor }, i) => {
      const id = ids[i] as number;
      if (last.has(actor) && last.get(actor) !== id) switches++;
      last.set(actor, id);
      owners.set(id, (owners.get(id) ?? new Set()).add(actor));
    });
  }
  return { switches, shared: [...owners.values()].filter(({ size }) => size > 1).length, ids: owners.size };
}

/** Cosines within and between actors of a film, to see that it is neither too easy nor impossible. */
export function cosines(frames: readonly Frame[]): {
  readonly same: readonly number[];
  readonly other: readonly number[];
} {
  const [same, other]: [number[], number[]] = [[], []];
  const sights = frames.flatMap((frame) => frame.sights);
  for (let i = 1; i < sights.length; i++) {
    const [a, b] = [sights[i - 1], sights[i]];
    if (!a?.detection.embedding || !b?.detection.embedding) continue;
    (a.actor === b.actor ? same : other).push(cosineSimilarity(a.detection.embedding, b.detection.embedding));
  }
  return { same, other };
}
