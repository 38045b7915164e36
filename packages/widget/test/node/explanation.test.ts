import type { Face, FaceExplanation, TaskExplanation } from 'swinface';
import { expect, test, vi } from 'vitest';
import type { WidgetAnalyzer } from '../../src/engine.js';
import { type Explained, ExplanationController } from '../../src/explanation/controller.js';
import { strongestPlace } from '../../src/explanation/heat-map.js';
import { nearest } from '../../src/explanation/nearest.js';
import { said } from '../../src/explanation/view.js';
import { explainable } from '../../src/results/report.js';
import { ar } from '../../src/strings/ar.js';
import { de } from '../../src/strings/de.js';
import { en } from '../../src/strings/en.js';

// The subject of a picture is the picture itself: only videos need a canvas.
vi.stubGlobal('HTMLVideoElement', class {});
vi.mock('../../src/explanation/heat-map.js', async (original) => ({
  ...(await original<typeof import('../../src/explanation/heat-map.js')>()),
  drawHeatMap: () => ({}),
}));

const points = [
  [1, 2],
  [3, 4],
  [5, 6],
  [7, 8],
  [9, 10],
] as unknown as Face['points'];
const face = {
  box: { x: 10, y: 10, width: 50, height: 50 },
  points,
  age: { years: 30 },
  expression: { label: 'happiness', happiness: 0.9 },
  attributes: { Bald: false, Smiling: true },
  attributeProbabilities: {},
  extra: {},
} as unknown as Face;

const explanation = (task: string, answer = task): TaskExplanation => ({
  task,
  answer,
  levels: [1, 2, 4, 3],
  side: 3,
  map: Float32Array.of(0, 0.2, 1, 0, 0, 0, 0, 0, 0),
  sourceToCrop: { a: 1, b: 0, tx: 0, ty: 0 },
});

/** An analyzer whose explanations are given one by one. */
function slowAnalyzer() {
  const calls: { readonly tasks: readonly string[]; readonly answer: (found: FaceExplanation | undefined) => void }[] =
    [];
  const explain = vi.fn(
    (_: unknown, { tasks = [] }: { readonly tasks?: readonly string[] } = {}) =>
      new Promise<FaceExplanation | undefined>((answer) => calls.push({ tasks, answer })),
  );
  return { analyzer: { explain } as unknown as WidgetAnalyzer, explain, calls };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const picture = {} as HTMLImageElement;

test('what is shown of a face can be asked about, and nothing else', () => {
  expect(explainable(face)).toEqual(['Expression', 'Age', 'Smiling', 'Bald']);
});

test('only what a person asks last is shown, computed for that face’s points', async () => {
  const { analyzer, explain, calls } = slowAnalyzer();
  const shown: (Explained | undefined)[] = [];
  const failures: unknown[] = [];
  const explainer = new ExplanationController(
    (explained) => void shown.push(explained),
    (error) => void failures.push(error),
  );
  expect(explain).not.toHaveBeenCalled();
  void explainer.ask({ analyzer, source: picture, face, label: '1', mirrored: false });
  await settled();
  expect(shown.at(-1)).toMatchObject({ task: 'Expression', outcome: 'busy', moment: false });
  expect(explain.mock.calls[0]?.[0]).toBe(picture);
  expect(explain.mock.calls[0]?.[1]).toMatchObject({ tasks: ['Expression'], points });

  void explainer.choose('Smiling');
  await settled();
  calls[1]?.answer({ points, explanations: [explanation('Smiling')] });
  await settled();
  expect(shown.at(-1)).toMatchObject({ task: 'Smiling', outcome: { place: { row: 0, column: 2 } } });
  // The first answer comes late, and is no longer wanted.
  calls[0]?.answer({ points, explanations: [explanation('Expression', 'happiness')] });
  await settled();
  expect(shown.at(-1)).toMatchObject({ task: 'Smiling' });

  explainer.close();
  expect(shown.at(-1)).toBeUndefined();
  // The next face is asked about the same answer.
  void explainer.ask({ analyzer, source: picture, face, label: '2', mirrored: false });
  await settled();
  expect(shown.at(-1)).toMatchObject({ label: '2', task: 'Smiling' });
  explainer.close();
  calls[2]?.answer({ points, explanations: [explanation('Smiling')] });
  await settled();
  expect(shown.at(-1)).toBeUndefined();
  expect(failures).toEqual([]);
});

test('a failure is told once, and an analyzer that finds no face is no failure', async () => {
  const shown: (Explained | undefined)[] = [];
  const failures: unknown[] = [];
  const explainer = new ExplanationController(
    (explained) => void shown.push(explained),
    (error) => void failures.push(error),
  );
  const error = new Error('lost');
  const broken = { explain: () => Promise.reject(error) } as unknown as WidgetAnalyzer;
  await explainer.ask({ analyzer: broken, source: picture, face, label: '1', mirrored: false });
  expect(shown.at(-1)?.outcome).toBe('failed');
  expect(failures).toEqual([error]);
  const blind = { explain: async () => undefined } as unknown as WidgetAnalyzer;
  await explainer.ask({ analyzer: blind, source: picture, face, label: '1', mirrored: false });
  expect(shown.at(-1)?.outcome).toBe('gone');
  expect(failures).toHaveLength(1);
});

test('the strongest place is told as it is shown', () => {
  const at = (index: number, mirrored = false) => {
    const map = new Float32Array(49);
    map[index] = 1;
    return strongestPlace({ map, side: 7 }, { mirrored });
  };
  expect(at(0)).toEqual({ row: 0, column: 0 });
  expect(at(0, true)).toEqual({ row: 0, column: 2 });
  expect(at(24)).toEqual({ row: 1, column: 1 });
  expect(at(48)).toEqual({ row: 2, column: 2 });
  expect(strongestPlace({ map: new Float32Array(49), side: 7 })).toBeUndefined();
});

test('words tell what glows: for a yes, for a no, for an age, for nothing', () => {
  const canvas = {} as HTMLCanvasElement;
  const place = { row: 2, column: 1 } as const;
  const words = (task: string, answer = task) =>
    said({ explanation: explanation(task, answer), face, canvas, place }, en);
  expect(words('Expression', 'happiness')).toBe(
    'Glowing places spoke for “happiness”. The brightest is at the bottom, in the middle.',
  );
  expect(words('Smiling')).toContain('spoke for “smiling”');
  expect(words('Bald', 'yes')).toContain('“bald” was not seen');
  expect(words('Age')).toContain('raised the apparent age');
  const none = { explanation: explanation('Smiling'), face, canvas, place: undefined };
  expect([en, de, ar].map((strings) => said(none, strings))).toEqual([
    'No place spoke for “smiling”.',
    'Keine Stelle sprach für „lächelt“.',
    'لم يدل أي موضع على «ابتسامة».',
  ]);
});

test('the same face a moment later is the nearest one, if it is near', () => {
  const faces = [{ box: { x: 300, y: 10, width: 50, height: 50 } }, { box: { x: 20, y: 14, width: 52, height: 50 } }];
  expect(nearest(faces, face)).toBe(faces[1]);
  expect(nearest(faces.slice(0, 1), face)).toBeUndefined();
});
