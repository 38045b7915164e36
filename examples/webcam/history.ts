import type { TrackedFace } from 'swinface';

/** How long the past is that can be looked back at, in milliseconds. */
export const SPAN_MS = 30_000;
/** Samples nearer to each other than this are one. */
export const STEP_MS = 250;

/** What was said of a face at one moment. */
export interface Sample extends Pick<TrackedFace, 'age' | 'expression'> {
  /** Milliseconds, as `performance.now()` counts. */
  readonly time: number;
}

/** The last half minute of every face that was followed. */
export interface History {
  /** Takes in a frame's faces. */
  add(faces: readonly TrackedFace[], now: number): void;
  /** Samples of a face, oldest first. */
  of(id: number): readonly Sample[];
  clear(): void;
}

/** An empty history. */
export function createHistory(): History {
  const samples = new Map<number, Sample[]>();
  return {
    add(faces, now) {
      for (const { id, age, expression } of faces) {
        const past = samples.get(id) ?? [];
        samples.set(id, past);
        const last = past.at(-1);
        if (last && Math.floor(last.time / STEP_MS) === Math.floor(now / STEP_MS)) past.pop();
        past.push({ time: now, ...(age && { age }), ...(expression && { expression }) });
      }
      for (const [id, past] of samples) {
        while (past[0] && now - past[0].time > SPAN_MS) past.shift();
        if (past.length === 0) samples.delete(id);
      }
    },
    of: (id) => samples.get(id) ?? [],
    clear: () => samples.clear(),
  };
}
