import * as main from '@swinface/alignment';
import * as faceApi from '@swinface/alignment/face-api';
import * as mediapipe from '@swinface/alignment/mediapipe';
import * as warp from '@swinface/alignment/warp';
import { type LocateCall, type LocatorName, openLocator, type PlainFace, plainFaces } from './locators.js';

/** Everything of the package. */
const alignment = { ...main, ...faceApi, ...mediapipe, ...warp };

/** Where a locator runs. */
export type Place = 'page' | 'worker';

let worker: Worker | undefined;
const waiting = new Map<number, (answer: { faces?: PlainFace[]; error?: string }) => void>();
let calls = 0;

/** What the tests call in the page, beside the package itself. */
export const harness = {
  /** Fetches a picture and locates its faces, on the page or in a module worker. */
  async locate(place: Place, name: LocatorName, url: string, options: LocateCall = {}): Promise<PlainFace[]> {
    if (place === 'page') return plainFaces(await openLocator(name), url, options);
    if (!worker) {
      worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
      worker.onmessage = ({ data }) => waiting.get(data.id)?.(data);
      worker.onerror = (event) => {
        for (const answer of waiting.values()) answer({ error: event.message });
      };
    }
    const id = ++calls;
    const answer = new Promise<{ faces?: PlainFace[]; error?: string }>((resolve) => waiting.set(id, resolve));
    worker.postMessage({ id, name, url, options });
    const { faces, error } = await answer;
    if (!faces) throw new Error(error);
    return faces;
  },

  /** The code and message of what a promise rejects with; undefined if it does not. */
  async rejection(promise: Promise<unknown>): Promise<{ code: unknown; name: string; message: string } | undefined> {
    try {
      await promise;
      return undefined;
    } catch (error) {
      if (!(error instanceof Error)) return { code: undefined, name: typeof error, message: String(error) };
      return { code: Reflect.get(error, 'code'), name: error.name, message: error.message };
    }
  },

  openLocator,
};

Object.assign(globalThis, { alignment, harness });

/** Types of the two globals. */
export type PageAlignment = typeof alignment;
export type PageHarness = typeof harness;
