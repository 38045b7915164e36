import type { FaceLocator } from '@swinface/alignment';
import { InvalidInputError, type LoadedModel } from '@swinface/core';
import type { AssetUrls, EngineChoice, FaceAnalyzerOptions, LocatorOption } from './types.js';

/** Options of `FaceAnalyzer.create`, checked and completed. */
export interface Settings {
  readonly model: string | URL | LoadedModel;
  readonly outputs: readonly string[] | undefined;
  readonly maxFaces: number;
  readonly engine: EngineChoice;
  readonly device: GPUDevice | undefined;
  readonly locator: LocatorOption;
  /** `tfjsWasm` is undefined where tfjs finds its files itself: outside pages. */
  readonly assets: Omit<AssetUrls, 'tfjsWasm'> & { readonly tfjsWasm: string | undefined };
}

const ENGINES: readonly EngineChoice[] = ['auto', 'webgpu', 'wasm', 'cpu'];
const LOCATORS: readonly LocatorOption[] = ['auto', 'mediapipe', 'face-api', 'none'];

const DEFAULT_ASSETS: AssetUrls = {
  mediapipeWasm: '/assets/mediapipe',
  landmarkModel: '/assets/face_landmarker.task',
  faceApiModels: '/assets/face-api',
  tfjsWasm: '/assets/tfjs',
};

/**
 * Checks what JavaScript callers may get wrong, before anything is fetched.
 *
 * @throws {InvalidInputError} naming the option
 */
export function checkedOptions(options: FaceAnalyzerOptions): Settings {
  const { model, outputs, maxFaces = 16, engine = 'auto', device, locator = 'auto', assets = {} } = options ?? {};
  if (!(typeof model === 'string' ? model !== '' : model instanceof URL || isLoadedModel(model))) {
    throw invalid('model', 'the address of a manifest, such as "/models/swinface-nano.json", or a loaded model', model);
  }
  if (outputs !== undefined && !(Array.isArray(outputs) && outputs.every((name) => typeof name === 'string'))) {
    throw invalid('outputs', 'a list of names', outputs);
  }
  if (!Number.isInteger(maxFaces) || maxFaces < 1) throw invalid('maxFaces', 'a positive integer', maxFaces);
  if (!ENGINES.includes(engine)) throw invalid('engine', `one of ${ENGINES.join(', ')}`, engine);
  if (!LOCATORS.includes(locator) && !isLocator(locator)) {
    throw invalid('locator', `one of ${LOCATORS.join(', ')}, or a FaceLocator`, locator);
  }
  const unknown = Object.keys(assets).find((name) => !Object.hasOwn(DEFAULT_ASSETS, name));
  if (unknown) throw invalid('assets', Object.keys(DEFAULT_ASSETS).join(', '), unknown);
  const tfjsWasm = assets.tfjsWasm ?? (pageAddress() === undefined ? undefined : DEFAULT_ASSETS.tfjsWasm);
  return { model, outputs, maxFaces, engine, device, locator, assets: { ...DEFAULT_ASSETS, ...assets, tfjsWasm } };
}

const pageAddress = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/** Absolute address of an asset, since wasm loaders resolve relative ones each in their own way. As it is outside pages. */
export function absolute(address: string): string {
  const base = pageAddress();
  return base === undefined ? address : new URL(address, base).href;
}

function invalid(option: string, expected: string, value: unknown): InvalidInputError {
  const actual = typeof value === 'string' ? JSON.stringify(value) : value === null ? 'null' : String(value);
  return new InvalidInputError(`The option "${option}" of FaceAnalyzer.create is not usable.`, { expected, actual });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isLoadedModel = (value: unknown): value is LoadedModel =>
  isRecord(value) && isRecord(value.manifest) && value.weights instanceof Map;
const isLocator = (value: unknown): value is FaceLocator => isRecord(value) && typeof value.locate === 'function';
