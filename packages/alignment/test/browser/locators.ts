import type { FaceLocator, FivePoints } from '@swinface/alignment';
import { BlazeFaceLocator } from '@swinface/alignment/blazeface';
import { FaceApiLocator } from '@swinface/alignment/face-api';
import { MediaPipeLocator } from '@swinface/alignment/mediapipe';
import { WasmEngine } from '@swinface/core/wasm';

/** The locators by name. */
export type LocatorName = 'blazeface' | 'mediapipe' | 'face-api';

/** Options that survive postMessage. */
export interface LocateCall {
  readonly smallestFace?: number;
  readonly previous?: readonly PlainFace[];
}

/** What the tests look at. */
export interface PlainFace {
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly score: number;
  readonly points: FivePoints;
  readonly landmarks: number;
  readonly finite: boolean;
}

const open: Readonly<Record<LocatorName, () => Promise<FaceLocator>>> = {
  blazeface: () =>
    BlazeFaceLocator.create({
      weights: '/assets/models/face-locator.json',
      openEngine: (network, weights) => WasmEngine.create({ network, weights, maxFaces: 4 }),
    }),
  mediapipe: () => MediaPipeLocator.create({ wasmPath: '/assets/mediapipe', model: '/assets/face_landmarker.task' }),
  'face-api': () => FaceApiLocator.create({ modelPath: '/assets/face-api', wasmPath: '/assets/tfjs' }),
};

const opened = new Map<LocatorName, Promise<FaceLocator>>();

/** Opens a locator once per page or worker. */
export function openLocator(name: LocatorName): Promise<FaceLocator> {
  let locator = opened.get(name);
  if (!locator) {
    locator = open[name]();
    opened.set(name, locator);
  }
  return locator;
}

/** Fetches and locates; gives what can be sent to the test. */
export async function plainFaces(locator: FaceLocator, url: string, options: LocateCall): Promise<PlainFace[]> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const faces = await locator.locate(await response.blob(), options);
  return faces.map(({ box, score, points, landmarks }) => ({
    box,
    score,
    points,
    landmarks: landmarks.length / 3,
    finite: landmarks.every(Number.isFinite),
  }));
}
