import type { FaceLocator } from '@swinface/alignment';
import { InvalidInputError, type LoadedModel } from '@swinface/core';
import type {
  AssetUrls,
  EngineChoice,
  FaceAnalyzerOptions,
  LocatorOption,
  ThreadOption,
  TuningOption,
} from './types.js';

/** Options of `FaceAnalyzer.create`, checked and completed. */
export interface Settings {
  readonly model: string | URL | LoadedModel;
  readonly outputs: readonly string[] | undefined;
  readonly maxFaces: number;
  readonly smallestFace: number | undefined;
  readonly engine: EngineChoice;
  readonly device: GPUDevice | undefined;
  readonly locator: LocatorOption;
  readonly thread: ThreadOption;
  readonly tuning: TuningOption;
  readonly cache: boolean;
  /**
   * Absolute wherever there is a page. `tfjsWasm` is undefined where tfjs finds its files itself: outside pages; `worker`
   * where the bundler's address is to be used.
   */
  readonly assets: Readonly<Record<keyof typeof DEFAULT_ASSETS, string>> & {
    readonly tfjsWasm: string | undefined;
    readonly worker: string | undefined;
  };
}

const ENGINES: readonly EngineChoice[] = ['auto', 'webgpu', 'wasm', 'cpu'];
const LOCATORS: readonly LocatorOption[] = ['auto', 'mediapipe', 'face-api', 'none'];

const THREADS: readonly ThreadOption[] = ['auto', 'worker', 'main'];

const TUNINGS: readonly TuningOption[] = ['auto', 'off'];

const DEFAULT_ASSETS = {
  mediapipeWasm: '/assets/mediapipe',
  landmarkModel: '/assets/face_landmarker.task',
  faceApiModels: '/assets/face-api',
} as const satisfies Partial<AssetUrls>;
/** Served by the page itself; elsewhere tfjs has its own. */
const TFJS_WASM = '/assets/tfjs';
const ASSETS: readonly string[] = [...Object.keys(DEFAULT_ASSETS), 'tfjsWasm', 'worker'];

/**
 * Checks what JavaScript callers may get wrong, before anything is fetched.
 *
 * @throws {InvalidInputError} naming the option
 */
export function checkedOptions(options: FaceAnalyzerOptions): Settings {
  const { model, outputs, maxFaces = 16, smallestFace, engine = 'auto', device, locator = 'auto' } = options ?? {};
  const { thread = 'auto', tuning = 'auto', cache = true, assets = {} } = options ?? {};
  if (!(typeof model === 'string' ? model !== '' : model instanceof URL || isLoadedModel(model))) {
    throw invalid('model', 'the address of a manifest, such as "/models/swinface-nano.json", or a loaded model', model);
  }
  if (outputs !== undefined && !(Array.isArray(outputs) && outputs.every((name) => typeof name === 'string'))) {
    throw invalid('outputs', 'a list of names', outputs);
  }
  if (!Number.isInteger(maxFaces) || maxFaces < 1) throw invalid('maxFaces', 'a positive integer', maxFaces);
  if (smallestFace !== undefined && !(Number.isFinite(smallestFace) && smallestFace > 0)) {
    throw invalid('smallestFace', 'a number of pixels above zero', smallestFace);
  }
  if (!ENGINES.includes(engine)) throw invalid('engine', `one of ${ENGINES.join(', ')}`, engine);
  if (!LOCATORS.includes(locator) && !isLocator(locator)) {
    throw invalid('locator', `one of ${LOCATORS.join(', ')}, or a FaceLocator`, locator);
  }
  if (!THREADS.includes(thread)) throw invalid('thread', `one of ${THREADS.join(', ')}`, thread);
  if (!TUNINGS.includes(tuning)) throw invalid('tuning', `one of ${TUNINGS.join(', ')}`, tuning);
  if (typeof cache !== 'boolean') throw invalid('cache', 'true or false', cache);
  const tied = device ? 'device' : isLocator(locator) ? 'locator' : undefined;
  if (thread === 'worker' && tied) {
    throw new InvalidInputError(`The work cannot be done in a worker with an own ${tied}: it cannot go there.`, {
      expected: `the option "thread" as "auto" or "main", or no "${tied}"`,
      actual: 'thread "worker"',
    });
  }
  const unknown = Object.keys(assets).find((name) => !ASSETS.includes(name));
  if (unknown) throw invalid('assets', ASSETS.join(', '), unknown);
  const tfjsWasm = assets.tfjsWasm ?? (pageAddress() === undefined ? undefined : TFJS_WASM);
  return {
    // The worker has another address than the page, against which relative ones are meant.
    model: isLoadedModel(model) ? model : absolute(String(model)),
    outputs,
    maxFaces,
    smallestFace,
    engine,
    device,
    locator,
    thread: tied ? 'main' : thread,
    tuning,
    cache,
    assets: {
      mediapipeWasm: absolute(assets.mediapipeWasm ?? DEFAULT_ASSETS.mediapipeWasm),
      landmarkModel: absolute(assets.landmarkModel ?? DEFAULT_ASSETS.landmarkModel),
      faceApiModels: absolute(assets.faceApiModels ?? DEFAULT_ASSETS.faceApiModels),
      tfjsWasm: tfjsWasm === undefined ? undefined : absolute(tfjsWasm),
      worker: assets.worker === undefined ? undefined : absolute(assets.worker),
    },
  };
}

const pageAddress = (): string | undefined => globalThis.document?.baseURI ?? globalThis.location?.href;

/**
 * Absolute address of something that the page serves, since wasm loaders resolve relative ones each in their own way.
 * As it is outside pages, and where it is no address at all, which whoever fetches it says.
 */
export function absolute(address: string): string {
  const base = pageAddress();
  return URL.canParse(address, base) ? new URL(address, base).href : address;
}

function invalid(option: string, expected: string, value: unknown): InvalidInputError {
  const actual = typeof value === 'string' ? JSON.stringify(value) : value === null ? 'null' : String(value);
  return new InvalidInputError(`The option "${option}" of FaceAnalyzer.create is not usable.`, { expected, actual });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isLoadedModel = (value: unknown): value is LoadedModel =>
  isRecord(value) && isRecord(value.manifest) && value.weights instanceof Map;
const isLocator = (value: unknown): value is FaceLocator => isRecord(value) && typeof value.locate === 'function';
