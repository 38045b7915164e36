import { type Contestant, openHuman } from './human.js';
import { openSwinFace } from './swinface.js';

/** Ways to run the libraries. */
export const CONTESTANTS: Readonly<Record<string, () => Promise<Contestant>>> = {
  swinface: () => openSwinFace('auto'),
  'swinface on webgpu': () => openSwinFace('webgpu'),
  'human on wasm': () => openHuman('wasm'),
  'human on webgl': () => openHuman('humangl'),
};

let contestant: Contestant | undefined;

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

  /** Embedding of the largest face; empty where none is found. */
  async embed(photo: string): Promise<number[]> {
    if (!contestant) throw new Error('Nothing has been started.');
    return Array.from(await contestant.embed(await picture(photo)));
  },
};

export type CompareCalls = typeof calls;

Object.assign(globalThis, { compare: calls });
