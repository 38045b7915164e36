import { InvalidInputError } from '@swinface/core';
import { type Detection, FaceTracks } from '@swinface/postprocessing/stream';
import { describe, expect, it } from 'vitest';
import { Random } from '../support/random.js';
import {
  type Actor,
  cosines,
  faceTracks,
  film,
  judge,
  occluding,
  overlapOnly,
  type SceneOptions,
} from '../support/scenes.js';

const SIDE = 100;
const still =
  (x: number, y = 0, side = SIDE): Actor =>
  () => ({ x, y, side });
/** Moves in a straight line, pixels per second. */
const moving =
  (x: number, speed: number, y = 0, side = SIDE): Actor =>
  (time) => ({ x: x + speed * time, y, side });
const unseen =
  (actor: Actor, from: number, to: number): Actor =>
  (time) =>
    time >= from && time < to ? undefined : actor(time);

const perfect = (ids: number) => ({ switches: 0, shared: 0, ids });

/** Faces that wander in a room and bounce off its walls, those in front covering those behind. */
function crowd(count: number, seed: number): readonly Actor[] {
  const random = new Random(seed);
  const [width, height] = [900, 450];
  const bounce = (value: number, span: number) => {
    const folded = ((value % (2 * span)) + 2 * span) % (2 * span);
    return folded < span ? folded : 2 * span - folded;
  };
  const actors = Array.from({ length: count }, (): Actor => {
    const [x, y] = [random.uniform() * width, random.uniform() * height];
    const angle = random.uniform() * 2 * Math.PI;
    const speed = SIDE * (0.5 + random.uniform());
    const sway = random.uniform() * 6;
    return (time) => ({
      x: bounce(x + speed * time * Math.cos(angle), width),
      y: bounce(y + speed * time * Math.sin(angle) + 30 * Math.sin(time * 2 + sway), height),
      side: SIDE,
    });
  });
  return occluding(actors);
}

describe('FaceTracks', () => {
  const scenes: readonly (readonly [string, readonly Actor[], SceneOptions])[] = [
    ['faces that rest while their boxes tremble', [still(0), still(150), still(300)], { seconds: 20, jitter: 0.05 }],
    ['faces that cross, both seen', [moving(0, 120), moving(600, -120, 40)], { seconds: 5 }],
    ['faces that cross, one behind the other', occluding([moving(0, 120), moving(600, -120, 10)]), { seconds: 5 }],
    [
      'a face that turns back where it met another',
      occluding([still(300), (time) => ({ x: 300 + 250 * Math.cos(time), y: 0, side: SIDE })]),
      { seconds: 12 },
    ],
    [
      'a fifth of the detections lost',
      [moving(0, 100), moving(700, -80, 150), still(300, 300)],
      { seconds: 8, dropout: 0.2 },
    ],
    ['three frames a second', [moving(0, 150), moving(700, -130, 150)], { seconds: 5, rate: 3 }],
    ['faces that come nearer', [(time) => ({ x: 0, y: 0, side: 50 * 1.3 ** time }), still(400)], { seconds: 6 }],
  ];

  it.each(scenes)('keeps ids through %s', (_, actors, options) => {
    expect(judge(film(actors, options), faceTracks())).toEqual(perfect(actors.length));
    // Uncalibrated cosines do as well where faces are where they should be.
    expect(judge(film(actors, options), faceTracks([]))).toEqual(perfect(actors.length));
  });

  it.each([1, 3, 8, 15, 25])('keeps the id of a walking face through %i missing frames', (frames) => {
    const actors = [unseen(moving(0, 90), 2, 2 + frames / 15), still(900)];
    for (const embeddings of [true, false]) {
      expect(judge(film(actors, { seconds: 5, embeddings }), faceTracks())).toEqual(perfect(2));
    }
  });

  it('follows two faces that swap their places between two frames', () => {
    const swap: readonly Actor[] = [
      (time) => ({ x: time < 2 ? 0 : 300, y: 0, side: SIDE }),
      (time) => ({ x: time < 2 ? 300 : 0, y: 0, side: SIDE }),
    ];
    expect(judge(film(swap, { seconds: 4 }), faceTracks())).toEqual(perfect(2));
    expect(judge(film(swap, { seconds: 4 }), overlapOnly())).toMatchObject({ switches: 2 });
  });

  it('knows a face again that comes back elsewhere, and does not mistake who sits down in its place', () => {
    const returns: Actor = (time) => (time > 2 && time < 3.5 ? undefined : { x: time < 3 ? 0 : 700, y: 0, side: SIDE });
    expect(judge(film([returns], { seconds: 5 }), faceTracks())).toEqual(perfect(1));
    const replaced: readonly Actor[] = [unseen(still(0), 2, 9), unseen(still(0), 0, 3)];
    for (let seed = 1; seed <= 10; seed++) {
      expect(judge(film(replaced, { seconds: 5, seed }), faceTracks())).toEqual(perfect(2));
    }
    expect(judge(film(replaced, { seconds: 5 }), overlapOnly())).toMatchObject({ shared: 1 });
  });

  it('switches far fewer ids in a crowd than overlap alone', () => {
    const count = { overlap: 0, places: 0, doubtful: 0, embeddings: 0 };
    for (let seed = 1; seed <= 6; seed++) {
      const options = { seconds: 20, dropout: 0.05, seed };
      const [actors, frames] = [crowd(8, seed), film(crowd(8, seed), options)];
      count.overlap += judge(frames, overlapOnly()).switches;
      count.places += judge(film(actors, { ...options, embeddings: false }), faceTracks()).switches;
      // Cosines of 0.6 within an actor, well below what the table calls the same face.
      count.doubtful += judge(film(actors, { ...options, noise: 0.4 }), faceTracks()).switches;
      count.embeddings += judge(frames, faceTracks()).switches;
    }
    // When written: 81 by overlap, 21 by places, 2 with doubtful and 2 with good embeddings.
    expect(count.places).toBeLessThan(0.5 * count.overlap);
    expect(count.doubtful).toBeLessThan(0.25 * count.overlap);
    expect(count.embeddings).toBeLessThan(0.05 * count.overlap);
  });

  it('is judged on films in which faces can be told apart, but not by every frame', () => {
    const { same, other } = cosines(film([still(0), still(500)], { seconds: 60 }));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(same)).toBeCloseTo(0.9, 1);
    expect(mean(other)).toBeLessThan(0.5);
  });

  const at = (x: number): Detection => ({ box: { x, y: 0, width: SIDE, height: SIDE } });

  it('gives up after the patience, says so once, and never uses an id again', () => {
    const tracks = new FaceTracks({ patience: 1 });
    expect(tracks.update([at(0)], 0)).toMatchObject({ tracks: [{ id: 1, firstSeen: 0, sightings: 1 }], ended: [] });
    expect(tracks.update([], 1)).toEqual({ tracks: [], ended: [] });
    expect(tracks.update([at(0)], 1)).toMatchObject({ tracks: [{ id: 1, firstSeen: 0, sightings: 2 }], ended: [] });
    expect(tracks.update([], 2.01)).toEqual({ tracks: [], ended: [1] });
    expect(tracks.update([at(0)], 2.02)).toMatchObject({
      tracks: [{ id: 2, firstSeen: 2.02, sightings: 1 }],
      ended: [],
    });
  });

  it('does not revive a track that ended while no frame came', () => {
    const tracks = new FaceTracks({ patience: 1 });
    tracks.update([at(0)], 0);
    expect(tracks.update([at(0)], 5)).toMatchObject({ tracks: [{ id: 2 }], ended: [1] });
  });

  it('smooths boxes and points, and leaves other numbers of points alone', () => {
    const tracks = new FaceTracks();
    const random = new Random(3);
    const deviation = { raw: 0, smooth: 0 };
    for (let i = 0; i < 60; i++) {
      const [x, px] = [random.normal() * 2, 30 + random.normal() * 2];
      const [track] = tracks.update([{ ...at(x), points: [[px, 40]] }], i / 15).tracks;
      expect(track?.points).toHaveLength(1);
      expect(track?.points?.[0]?.[1]).toBeCloseTo(40, 9);
      deviation.raw += Math.abs(x) + Math.abs(px - 30);
      deviation.smooth += Math.abs(track?.box.x ?? Number.NaN) + Math.abs((track?.points?.[0]?.[0] ?? Number.NaN) - 30);
    }
    expect(deviation.smooth).toBeLessThan(0.8 * deviation.raw);
  });

  it('refuses what it cannot use, and stays as it was', () => {
    const tracks = new FaceTracks();
    tracks.update([at(0)], 1);
    expect(() => tracks.update([at(0)], 0.5)).toThrow(/order of their times/);
    expect(() => tracks.update([at(0)], Number.NaN)).toThrow(InvalidInputError);
    expect(() => tracks.update([at(Number.NaN)], 2)).toThrow(/box/);
    expect(() => tracks.update([{ box: { x: 0, y: 0, width: 0, height: 1 } }], 2)).toThrow(/box/);
    expect(() => tracks.update([{ ...at(0), embedding: new Float32Array(4) }], 2)).toThrow(/zeros/);
    expect(() => tracks.update([{ ...at(0), points: [[Number.NaN, 1]] }], 2)).toThrow(InvalidInputError);
    expect(() => new FaceTracks({ patience: -1 })).toThrow(InvalidInputError);
    expect(tracks.update([at(0)], 1)).toMatchObject({ tracks: [{ id: 1, sightings: 2 }] });
  });
});
