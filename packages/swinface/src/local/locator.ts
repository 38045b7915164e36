import { type BlazeFaceOptions, chooseLocator, type FaceLocator } from '@swinface/alignment';
import { absolute, type Settings } from '../options.js';
import type { Chosen } from '../types.js';

/** The locator in use. */
export interface OpenLocator {
  readonly locator: FaceLocator;
  readonly choice: Chosen<string>;
  /** Whether it is ours to dispose. */
  readonly owned: boolean;
}

/**
 * Loads the locator that the settings ask for; none for `none`.
 *
 * @throws whatever kept the last one from loading
 */
export async function openLocator(
  { locator, assets, cache }: Settings,
  signal: AbortSignal,
): Promise<OpenLocator | undefined> {
  if (locator === 'none') return undefined;
  if (typeof locator === 'object') {
    return { locator, choice: { kind: locator.name, description: locator.description }, owned: false };
  }
  const blazeface = { weights: absolute(assets.faceLocator), openEngine, cache };
  const mediapipe = { wasmPath: absolute(assets.mediapipeWasm), model: absolute(assets.landmarkModel) };
  // WebGL compiles for seconds where WebAssembly starts at once.
  const wasm = assets.tfjsWasm === undefined ? {} : { wasmPath: absolute(assets.tfjsWasm) };
  const faceApi = { modelPath: absolute(assets.faceApiModels), ...wasm };
  const chosen = await chooseLocator({
    ...(locator === 'auto' || locator === 'blazeface' ? { blazeface } : {}),
    ...(locator === 'auto' || locator === 'mediapipe' ? { mediapipe } : {}),
    ...(locator === 'auto' || locator === 'face-api' ? { faceApi } : {}),
    signal,
  });
  const { name: kind, description } = chosen.locator;
  // Only a second choice needs a reason.
  const reason = chosen.failure === undefined ? {} : { reason: chosen.reason };
  return { locator: chosen.locator, choice: { kind, description, ...reason }, owned: true };
}

/** Pictures of one run: tiles of a search, or faces whose landmarks are looked for. */
const PICTURES = 4;

/**
 * The networks that find faces run on WebAssembly whatever runs the analysis: a picture is read on the CPU to be searched,
 * and a detector takes less time there than its way to a GPU and back.
 */
const openEngine: BlazeFaceOptions['openEngine'] = async (network, weights, signal) => {
  const { WasmEngine } = await import('@swinface/core/wasm');
  return WasmEngine.create({ network, weights, maxFaces: PICTURES, ...(signal ? { signal } : {}) });
};
