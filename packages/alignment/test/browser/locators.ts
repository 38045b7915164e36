import { type FaceLocator, type FivePoints, MediaPipeLocator } from '@swinface/alignment';
import { FaceApiLocator } from '@swinface/alignment/face-api';

/** The two locators by name. */
export type LocatorName = 'mediapipe' | 'face-api';

/** Options that survive postMessage. */
export interface LocateCall {
  readonly smallestFace?: number;
}

/** What the tests look at. */
export interface PlainFace {
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly score: number;
  readonly points: FivePoints;
  readonly landmarks: number;
  readonly finite: boolean;
}

const opened = new Map<LocatorName, Promise<FaceLocator>>();

/** Opens a locator once per page or worker. */
export function openLocator(name: LocatorName): Promise<FaceLocator> {
  let locator = opened.get(name);
  if (!locator) {
    locator =
      name === 'mediapipe'
        ? MediaPipeLocator.create({ wasmPath: '/assets/mediapipe', model: '/assets/face_landmarker.task' })
        : FaceApiLocator.create({ modelPath: '/assets/face-api', wasmPath: '/assets/tfjs' });
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
