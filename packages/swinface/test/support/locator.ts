import type { FaceLocator, FivePoints, LocateOptions } from '@swinface/alignment';
import { vi } from 'vitest';
import { locatedFace } from './model.js';

/** Finds what it is told; waits where it is told to; never serves two calls at a time. */
export class StubLocator implements FaceLocator {
  readonly name = 'face-api';
  readonly landmarkModel = 'face-api-68';
  readonly description = 'a stub';
  readonly calls: LocateOptions[] = [];
  disposed = false;
  gate: Promise<void> = Promise.resolve();
  running = 0;

  constructor(
    public points: readonly FivePoints[],
    /** Of each face; of those without one, what {@link locatedFace} gives. */
    readonly scores: readonly number[] = [],
  ) {}

  async locate(_: unknown, options: LocateOptions = {}) {
    this.calls.push(options);
    if (this.running > 0) throw new Error('two calls at a time');
    this.running++;
    try {
      await this.gate;
      return this.points.map((points, i) => {
        const face = locatedFace(points);
        return { ...face, score: this.scores[i] ?? face.score };
      });
    } finally {
      this.running--;
    }
  }

  dispose() {
    this.disposed = true;
  }

  [Symbol.dispose]() {
    this.dispose();
  }
}

/** A promise and what resolves it. */
export function gate() {
  let release = () => {};
  const closed = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { closed, release };
}

/** Waits for something to become true; patient, since tests share the machine. */
export const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 30_000, interval: 5 });
