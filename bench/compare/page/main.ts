import { type Contestant, openHuman, type StreamFigures } from './human.js';
import { openSwinFace } from './swinface.js';

/** Ways to run the libraries. */
export const CONTESTANTS: Readonly<Record<string, () => Promise<Contestant>>> = {
  swinface: () => openSwinFace({}),
  // Human looks at the picture once; this looks for faces as large as that finds.
  'swinface, large faces': () => openSwinFace({ smallestFace: 160 }),
  'swinface on webgpu': () => openSwinFace({ engine: 'webgpu' }),
  'swinface with MediaPipe': () => openSwinFace({ locator: 'mediapipe' }),
  'human on wasm': () => openHuman('wasm'),
  'human on webgl': () => openHuman('humangl'),
};

let contestant: Contestant | undefined;
const remembered = new Map<number, Float32Array>();

async function picture(address: string): Promise<ImageBitmap> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return createImageBitmap(await response.blob());
}

/** What the program that drives the page may call. */
const calls = {
  contestants: () => Object.keys(CONTESTANTS),

  /** From nothing to the first photo's result, in milliseconds, the photo itself not counted. */
  async first(name: string, photo: string): Promise<{ description: string; milliseconds: number; faces: number }> {
    const image = await picture(photo);
    const start = performance.now();
    contestant = await CONTESTANTS[name]?.();
    if (!contestant) throw new Error(`There is no ${name}.`);
    const faces = await contestant.analyze(image);
    return { description: contestant.description, milliseconds: performance.now() - start, faces };
  },

  /** Milliseconds of each of `rounds` analyses of a photo, after the first. */
  async steady(photo: string, rounds: number): Promise<{ faces: number; milliseconds: number[] }> {
    const image = await picture(photo);
    if (!contestant) throw new Error('Nothing has been started.');
    let faces = await contestant.analyze(image);
    const milliseconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      faces = await contestant.analyze(image);
      milliseconds.push(performance.now() - start);
    }
    return { faces, milliseconds };
  },

  /** The camera's video, followed for some seconds; undefined for a library of which this is not measured. */
  async stream(seconds: number): Promise<StreamFigures | undefined> {
    if (!contestant?.stream) return undefined;
    const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    const video = Object.assign(document.createElement('video'), { muted: true, srcObject: camera });
    document.body.append(video);
    try {
      await video.play();
      return await contestant.stream(video, seconds);
    } finally {
      for (const track of camera.getTracks()) track.stop();
      video.remove();
    }
  },

  /** Remembers the largest face of a photo; false where none is found. */
  async remember(photo: string, id: number): Promise<boolean> {
    if (!contestant) throw new Error('Nothing has been started.');
    const embedding = await contestant.embed(await picture(photo));
    if (embedding.length > 0) remembered.set(id, embedding);
    return embedding.length > 0;
  },

  /** How alike remembered faces are, as the library itself measures it; 0 where one was not found. */
  similarities(pairs: readonly (readonly [number, number])[]): number[] {
    return pairs.map(([first, second]) => {
      const [a, b] = [remembered.get(first), remembered.get(second)];
      return contestant && a && b ? contestant.similarity(a, b) : 0;
    });
  },
};

export type CompareCalls = typeof calls;

Object.assign(globalThis, { compare: calls });
