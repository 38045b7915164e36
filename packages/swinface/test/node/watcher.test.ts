import { type CapturedImage, type FivePoints, UprightImage } from '@swinface/alignment';
import type { Manifest } from '@swinface/core';
import type { FaceAnalysis } from '@swinface/postprocessing';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from '../../src/runner/gate.js';
import type { FoundFace } from '../../src/runner/results.js';
import type { WatchedFrame } from '../../src/runner/runner.js';
import { Stopwatch } from '../../src/runner/stopwatch.js';
import type { Workplace } from '../../src/runner/workplace.js';
import { LocalWatcher } from '../../src/stream/watcher.js';
import { open, stubCanvas } from '../support/canvas.js';
import { gate, soon } from '../support/locator.js';
import { facePoints, loadedModel, locatedFace, picture } from '../support/model.js';

const { data, width, height } = picture(320, 120);
const never = new AbortController().signal;

let manifest: Manifest;
beforeAll(async () => {
  ({ manifest } = await loadedModel());
});
beforeEach(stubCanvas);
afterEach(() => {
  vi.unstubAllGlobals();
  expect(open.size, 'frames left open').toBe(0);
});

/** A person: where the face is, and what the network would say of it. */
interface Person {
  readonly face: FoundFace;
  readonly identity: readonly number[];
  readonly male?: number;
}

const person = (x: number, identity: readonly number[], { y = 40, eyes = 25, male = 0.5 } = {}): Person => {
  const face = locatedFace(facePoints(x, y, eyes));
  // As boxes are: around the whole face.
  const box = { x: x - eyes, y: y - eyes, width: 2 * eyes, height: 2.5 * eyes };
  return { face: { ...face, box }, identity, male };
};

/** Finds and analyses the people it is told to, and keeps a record. */
class Place implements Workplace {
  readonly manifest = manifest;
  people: readonly Person[] = [];
  /** Faces of each run of the network. */
  readonly runs: FivePoints[][] = [];
  readonly whole: boolean[] = [];
  networkIsReady: Promise<void> = Promise.resolve();
  failure: Error | undefined;
  readonly #gate = new Gate(2);

  get networkIsFree() {
    return this.#gate.open;
  }

  keep<R>(task: Promise<R>) {
    return task;
  }

  async bringIn<Found>(
    picture: CapturedImage,
    look: (image: UprightImage, watch: Stopwatch) => Found | Promise<Found>,
  ) {
    const image = await picture.decode();
    const watch = new Stopwatch();
    return { image, found: await look(image, watch), watch, leaveFront() {}, dispose: () => image.dispose() };
  }

  async locate(_: UprightImage, previous: unknown) {
    this.whole.push(previous === undefined);
    return this.people.map(({ face }) => face);
  }

  enterNetwork(signal: AbortSignal) {
    return this.#gate.enter(signal);
  }

  async analyzeFaces(_: UprightImage, faces: readonly Pick<FoundFace, 'points'>[]): Promise<readonly FaceAnalysis[]> {
    this.runs.push(faces.map(({ points }) => points));
    const answers = faces.map(({ points }) => {
      const seen = this.people.find(({ face }) => face.points === points);
      if (!seen) throw new Error('this face is not in the picture');
      const length = Math.hypot(...seen.identity);
      const male = seen.male ?? 0.5;
      return {
        embedding: Float32Array.from(seen.identity, (value) => value / length),
        gender: {
          label: male >= 0.5 ? ('male' as const) : ('female' as const),
          probabilities: { male, female: 1 - male },
        },
        attributes: {},
        attributeProbabilities: {},
        extra: {},
      };
    });
    await this.networkIsReady;
    if (this.failure) throw this.failure;
    return answers;
  }
}

/** Looks at the next frame. */
function look(watcher: LocalWatcher, time: number): Promise<WatchedFrame> {
  const picture = UprightImage.capture(new ImageData(data, width, height));
  return watcher.look(picture, time, never).finally(() => picture.dispose());
}

const ANNA = [1, 0, 0, 0];
const BERT = [0, 1, 0, 0];

describe('the cadence', () => {
  it('waits for the network on a new face, and then looks at it at the set rate without waiting', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 500 });
    place.people = [person(100, ANNA)];
    const seen = [];
    for (let i = 0; i < 20; i++) {
      const { faces, timings } = await look(watcher, i / 10);
      seen.push({ age: Math.round(faces[0]?.analysisAge ?? Number.NaN), runs: place.runs.length });
      expect(faces[0]?.gender?.probabilities.male).toBe(0.5);
      expect(timings.total).toBeGreaterThan(0);
    }
    // Sent at 0, 0.5, 1.0, 1.5; each answer is in the frame after the one that was sent.
    expect(seen.map(({ runs }) => runs)).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4]);
    expect(seen.slice(0, 8).map(({ age }) => age)).toEqual([0, 100, 200, 300, 400, 500, 100, 200]);
  });

  it.each([
    [25, [0, 25, 50]],
    [2, [0, 10, 20, 30, 40, 50]],
  ])('at %i frames a second, whole frames are searched a second and ten frames apart', async (rate, searches) => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 500 });
    place.people = [person(100, ANNA)];
    for (let i = 0; i <= 50; i++) await look(watcher, i / rate);
    expect(place.whole.flatMap((whole, i) => (whole ? [i] : []))).toEqual(searches);
    await soon(() => expect(open.size).toBe(0));
  });

  it('goes on locating while the network is busy, two pictures at a time at most', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 0 });
    place.people = [person(100, ANNA, { male: 0.1 })];
    await look(watcher, 0);
    const { closed, release } = gate();
    place.networkIsReady = closed;
    place.people = [person(100, ANNA, { male: 0.9 })];
    for (let i = 1; i <= 5; i++) {
      const { faces, timings } = await look(watcher, i / 10);
      expect(faces[0]?.gender?.probabilities.male, 'what the network last said').toBe(0.1);
      expect(faces[0]?.analysisAge).toBeCloseTo(100 * i, 6);
      expect(timings.network).toBe(0);
    }
    expect(place.runs, 'the first, and two that wait').toHaveLength(3);
    expect(open.size, 'the pictures of those two').toBe(2);
    release();
    await soon(() => expect(open.size).toBe(0));
    const { faces } = await look(watcher, 0.6);
    expect(faces[0]?.gender?.probabilities.male).toBeGreaterThan(0.1);
    expect(faces[0]?.analysisAge, 'that of the fourth frame, 0.2').toBeCloseTo(400, 6);
    await soon(() => expect(open.size).toBe(0));
  });

  it('does not let a face that changed wait for its turn', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 60_000 });
    // Comes closer, 5 % a frame: half as large again after nine frames.
    const runs: number[] = [];
    for (let i = 0; i < 12; i++) {
      place.people = [person(100, ANNA, { eyes: 20 * 1.05 ** i })];
      await look(watcher, i / 10);
      runs.push(place.runs.length);
    }
    expect(runs).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
  });

  it('tells in the next frame what went wrong in the background', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 0 });
    place.people = [person(100, ANNA)];
    await look(watcher, 0);
    place.failure = new Error('no more');
    await look(watcher, 0.1);
    await soon(() => expect(open.size).toBe(0));
    await expect(look(watcher, 0.2)).rejects.toThrow('no more');
  });

  it('drops everything when it is closed', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 0 });
    place.people = [person(100, ANNA)];
    const { closed, release } = gate();
    place.networkIsReady = closed;
    const first = look(watcher, 0);
    await soon(() => expect(place.runs).toHaveLength(1));
    watcher.close();
    release();
    await Promise.allSettled([first]);
    expect(open.size).toBe(0);
  });
});

describe('ids', () => {
  const ids = (faces: readonly { readonly id: number }[]) => faces.map(({ id }) => id);

  it('stay with faces that cross, by their identity', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 60_000 });
    for (let i = 0; i <= 20; i++) {
      // Anna from left to right, Bert from right to left, through each other.
      const people = [person(60 + 8 * i, ANNA), person(220 - 8 * i, BERT)];
      place.people = i % 2 ? people : people.reverse();
      const { faces } = await look(watcher, i / 10);
      const [anna, bert] = i % 2 ? ids(faces) : ids(faces).reverse();
      expect({ i, anna, bert }).toEqual({ i, anna: 2, bert: 1 });
    }
    // The network was asked only while they could be taken for one another.
    expect(place.runs.length).toBeGreaterThan(3);
    expect(place.runs.length).toBeLessThan(15);
  });

  it('come back with a face that was hidden and shows up elsewhere', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 60_000 });
    place.people = [person(60, ANNA), person(200, BERT)];
    expect(ids((await look(watcher, 0)).faces)).toEqual([1, 2]);
    place.people = [person(60, ANNA)];
    expect(ids((await look(watcher, 0.1)).faces)).toEqual([1]);
    place.people = [person(60, ANNA), person(270, BERT)];
    expect(ids((await look(watcher, 1.1)).faces)).toEqual([1, 2]);
    const CLARA = [0, 0, 1, 0];
    place.people = [person(60, ANNA), person(130, CLARA)];
    expect(ids((await look(watcher, 1.2)).faces), 'nobody known').toEqual([1, 3]);
  });
});

describe('what a tracked face carries', () => {
  it('smoothed landmarks and points, quality, the best shot', async () => {
    const place = new Place();
    const watcher = new LocalWatcher(place, { analyzeEvery: 500 });
    const wander = (values: readonly number[]) => Math.max(...values) - Math.min(...values);
    const [raw, smooth, box]: number[][] = [[], [], []];
    for (let i = 0; i < 30; i++) {
      place.people = [person(100 + (i % 2), ANNA)];
      const { faces } = await look(watcher, i / 30);
      const [face] = faces;
      if (!face?.landmarks) throw new Error('no face');
      expect(face.quality.score).toBeGreaterThan(0);
      expect(face.bestShot?.embedding).toEqual(Float32Array.from(ANNA));
      if (i < 10) continue;
      raw?.push(place.people[0]?.face.points[0][0] ?? 0);
      smooth?.push(face.landmarks[0] ?? 0);
      box?.push(face.box.x);
    }
    expect(wander(raw ?? [])).toBe(1);
    expect(wander(smooth ?? [])).toBeLessThan(0.6);
    expect(wander(box ?? [])).toBeLessThan(0.6);
    expect(structuredClone(place.runs.length)).toBeGreaterThan(1);
  });
});
