import { chooseLocator, type FaceLocator } from '@swinface/alignment';
import { absolute, type Settings } from './options.js';
import type { Choice } from './types.js';

/** The locator in use. */
export interface OpenLocator {
  readonly locator: FaceLocator;
  readonly choice: Choice<string>;
  /** Whether it is ours to dispose. */
  readonly owned: boolean;
}

/**
 * Loads the locator that the settings ask for; none for `none`.
 *
 * @throws whatever kept the last one from loading
 */
export async function openLocator(
  { locator, assets }: Settings,
  signal: AbortSignal,
): Promise<OpenLocator | undefined> {
  if (locator === 'none') return undefined;
  if (typeof locator === 'object') {
    return { locator, choice: { kind: locator.name, description: locator.description }, owned: false };
  }
  const mediapipe = { wasmPath: absolute(assets.mediapipeWasm), model: absolute(assets.landmarkModel) };
  // WebGL compiles for seconds where WebAssembly starts at once.
  const wasm = assets.tfjsWasm === undefined ? {} : { wasmPath: absolute(assets.tfjsWasm) };
  const faceApi = { modelPath: absolute(assets.faceApiModels), ...wasm };
  const chosen = await chooseLocator({
    ...(locator === 'face-api' ? {} : { mediapipe }),
    ...(locator === 'mediapipe' ? {} : { faceApi }),
    signal,
  });
  const { name: kind, description } = chosen.locator;
  // Only a second choice needs a reason.
  const reason = chosen.failure === undefined ? {} : { reason: chosen.reason };
  return { locator: chosen.locator, choice: { kind, description, ...reason }, owned: true };
}
