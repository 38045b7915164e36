import type { FaceLocator, FivePoints } from '@swinface/alignment';
import { InvalidInputError, type LoadedModel } from '@swinface/core';
import { pageAddress } from '@swinface/core/internal';
import { describeValue, isBranded, isObject, requireInput } from '@swinface/geometry';
import type {
  AssetUrls,
  EngineOption,
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
  readonly minimumScore: number;
  readonly engine: EngineOption;
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
    readonly faceLocator: string;
    readonly tfjsWasm: string | undefined;
    readonly worker: string | undefined;
  };
}

const ENGINES: readonly EngineOption[] = ['auto', 'webgpu', 'wasm', 'tfjs'];
const LOCATORS: readonly LocatorOption[] = ['auto', 'blazeface', 'mediapipe', 'face-api', 'none'];

const THREADS: readonly ThreadOption[] = ['auto', 'worker', 'main'];

const TUNINGS: readonly TuningOption[] = ['auto', 'off'];

const DEFAULT_ASSETS = {
  mediapipeWasm: '/assets/mediapipe',
  landmarkModel: '/assets/face_landmarker.task',
  faceApiModels: '/assets/face-api',
} as const satisfies Partial<AssetUrls>;
/** The locator's manifest, beside the model's own where that has an address. */
const FACE_LOCATOR = 'face-locator.json';
/** Served by the page itself; elsewhere tfjs has its own. */
const TFJS_WASM = '/assets/tfjs';
const ASSETS: readonly string[] = [...Object.keys(DEFAULT_ASSETS), 'faceLocator', 'tfjsWasm', 'worker'];

/**
 * Checks what JavaScript callers may get wrong, before anything is fetched.
 *
 * @throws {InvalidInputError} naming the option
 */
export function checkedOptions(options: FaceAnalyzerOptions): Settings {
  if (options !== undefined) checkedCall('FaceAnalyzer.create', options);
  const { model, outputs, maxFaces = 16, engine = 'auto', device, locator = 'auto' } = options ?? {};
  const { smallestFace, minimumScore = 0 } = options ?? {};
  const { thread = 'auto', tuning = 'auto', cache = true, assets = {} } = options ?? {};
  if (!(typeof model === 'string' ? model !== '' : isBranded(model, 'URL') || isLoadedModel(model))) {
    throw invalid(
      'model',
      'the address of a manifest, such as "/models/swinface-mobile.json", or a loaded model',
      model,
    );
  }
  if (outputs !== undefined && !(Array.isArray(outputs) && outputs.every((name) => typeof name === 'string'))) {
    throw invalid('outputs', 'a list of names', outputs);
  }
  if (!Number.isInteger(maxFaces) || maxFaces < 1) throw invalid('maxFaces', 'a positive integer', maxFaces);
  if (smallestFace !== undefined && !(Number.isFinite(smallestFace) && smallestFace > 0)) {
    throw invalid('smallestFace', 'pixels, or below 1 a share of the shorter side; above zero', smallestFace);
  }
  if (!(Number.isFinite(minimumScore) && minimumScore >= 0 && minimumScore <= 1)) {
    throw invalid('minimumScore', 'a number from 0 to 1', minimumScore);
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
  if (!isObject(assets)) throw invalid('assets', 'an object with addresses', assets);
  const unknown = Object.keys(assets).find((name) => !ASSETS.includes(name));
  if (unknown) throw invalid('assets', ASSETS.join(', '), unknown);
  const tfjsWasm = assets.tfjsWasm ?? (pageAddress() === undefined ? undefined : TFJS_WASM);
  // The worker has another address than the page, against which relative ones are meant.
  const usedModel = isLoadedModel(model) ? model : absolute(String(model));
  return {
    model: usedModel,
    outputs,
    maxFaces,
    smallestFace,
    minimumScore,
    engine,
    device,
    locator,
    thread: tied ? 'main' : thread,
    tuning,
    cache,
    assets: {
      faceLocator: assets.faceLocator === undefined ? besideModel(usedModel) : absolute(assets.faceLocator),
      mediapipeWasm: absolute(assets.mediapipeWasm ?? DEFAULT_ASSETS.mediapipeWasm),
      landmarkModel: absolute(assets.landmarkModel ?? DEFAULT_ASSETS.landmarkModel),
      faceApiModels: absolute(assets.faceApiModels ?? DEFAULT_ASSETS.faceApiModels),
      tfjsWasm: tfjsWasm === undefined ? undefined : absolute(tfjsWasm),
      worker: assets.worker === undefined ? undefined : absolute(assets.worker),
    },
  };
}

/**
 * Absolute address of something that the page serves: wasm loaders resolve relative ones each in their own way. Returns
 * the address unchanged outside pages, and where it is not a URL: fetching it then fails with a typed error.
 */
export function absolute(address: string): string {
  const base = pageAddress();
  return URL.canParse(address, base) ? new URL(address, base).href : address;
}

/** Address of the locator's manifest where the page names none: `swinface-assets` puts all weights into one folder. */
function besideModel(model: string | LoadedModel): string {
  if (typeof model !== 'string' || !URL.canParse(model)) return absolute(`/models/${FACE_LOCATOR}`);
  return new URL(FACE_LOCATOR, model).href;
}

function invalid(option: string, expected: string, value: unknown): InvalidInputError {
  const actual = describeValue(value);
  return new InvalidInputError(`The option "${option}" of FaceAnalyzer.create is not usable.`, { expected, actual });
}

const isLoadedModel = (value: unknown): value is LoadedModel =>
  isObject(value) && isObject(value.manifest) && isBranded(value.weights, 'Map');
const isLocator = (value: unknown): value is FaceLocator => isObject(value) && typeof value.locate === 'function';

/** Options of a call that may have a signal and callbacks. */
interface CallOptions {
  readonly signal?: unknown;
  readonly onTimings?: unknown;
  readonly onProgress?: unknown;
  readonly onDeviceChange?: unknown;
}

/**
 * Checks what the options of all calls have in common.
 *
 * @param call its name, for errors
 * @throws {InvalidInputError} naming the option
 */
export function checkedCall<T extends CallOptions>(call: string, options: T): T {
  requireInput(isObject(options), `The argument "options" of ${call}`, 'an object', options);
  const { signal } = options;
  requireInput(
    signal === undefined || isBranded(signal, 'AbortSignal'),
    `The option "signal" of ${call}`,
    'an AbortSignal',
    signal,
  );
  for (const name of ['onTimings', 'onProgress', 'onDeviceChange'] as const) {
    const callback = options[name];
    const usable = callback === undefined || typeof callback === 'function';
    requireInput(usable, `The option "${name}" of ${call}`, 'a function', callback);
  }
  return options;
}

/** @throws {InvalidInputError} unless each face has five points of finite numbers */
export function checkedPoints(faces: readonly FivePoints[]): readonly FivePoints[] {
  const isPoint = (point: unknown) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
  const isFace = (face: unknown) => Array.isArray(face) && face.length === 5 && face.every(isPoint);
  const usable = Array.isArray(faces) && faces.every(isFace);
  requireInput(usable, 'The option "points"', 'five [x, y] in pixels per face', faces);
  return faces;
}

/** @throws {InvalidInputError} unless these are names */
export function checkedNames(option: string, names: readonly string[]): readonly string[] {
  const usable = Array.isArray(names) && names.every((name) => typeof name === 'string');
  requireInput(usable, `The option "${option}"`, 'a list of names', names);
  return names;
}

/** @throws {InvalidInputError} unless this is a video element, of whichever window */
export function requireVideo(video: unknown): asserts video is HTMLVideoElement {
  requireInput(isBranded(video, 'HTMLVideoElement'), 'The argument "video" of stream', 'a video element', video);
}
