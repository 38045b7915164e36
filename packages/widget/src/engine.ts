import type { FaceAnalyzer, FaceAnalyzerOptions, ProgressEvent } from 'swinface';
import { errorState, type WidgetSource, type WidgetState } from './states.js';

/** What the widget needs of a `FaceAnalyzer`. */
export type WidgetAnalyzer = Pick<FaceAnalyzer, 'analyze' | 'stream' | 'explain' | 'manifest'>;

/** Options for the engine beyond those that the widget's attributes set. */
export type EngineOptions = Partial<Omit<FaceAnalyzerOptions, 'model' | 'outputs' | 'signal' | 'onProgress'>>;

/** An error that leads to a state of its own. */
export class Problem extends Error {
  readonly state: WidgetState;

  constructor(state: WidgetState, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.state = state;
  }
}

/** What an error that ended the work means for the widget, by what was looked at. */
export function problemOf(error: unknown, source: WidgetSource): Pick<Problem, 'state' | 'cause'> {
  if (error instanceof Problem) return error;
  const state = errorState(error);
  const isPicture = source === 'photo' || source === 'image';
  // The card of "unreadable" offers to choose another file, which does not help with the frames of a video.
  return { state: state === 'unreadable' && !isPicture ? 'failed' : state, cause: error };
}

/** What {@link createEngine} needs to know. */
export interface EngineRequest {
  readonly model: string | undefined;
  /** Folder with the SDK's assets; undefined leaves the SDK's defaults. */
  readonly assets: string | undefined;
  readonly outputs: readonly string[] | undefined;
  readonly options: EngineOptions | undefined;
  readonly onProgress: (event: ProgressEvent) => void;
}

/** A folder's assets under the names that the SDK's own defaults have. */
function assetUrls(folder: string): NonNullable<FaceAnalyzerOptions['assets']> {
  const at = (name: string) => `${folder.replace(/\/$/, '')}/${name}`;
  return {
    mediapipeWasm: at('mediapipe'),
    landmarkModel: at('face_landmarker.task'),
    faceApiModels: at('face-api'),
    tfjsWasm: at('tfjs'),
  };
}

/**
 * Loads the SDK's code, then the model. Nothing of either is loaded before.
 *
 * @throws {Problem} with the state that tells why not
 */
export async function createEngine(request: EngineRequest): Promise<FaceAnalyzer> {
  const { model, assets, outputs, options, onProgress } = request;
  if (!model) {
    throw new Problem(
      'no-model',
      new TypeError('<swin-face> needs a model: the address of a manifest, or an analyzer.'),
    );
  }
  try {
    const { FaceAnalyzer } = await import('swinface');
    return await FaceAnalyzer.create({
      ...options,
      model,
      onProgress,
      ...(outputs ? { outputs } : {}),
      assets: { ...(assets === undefined ? {} : assetUrls(assets)), ...options?.assets },
    });
  } catch (error) {
    const state = errorState(error);
    // No picture was given yet: what the SDK refuses here are the page's options.
    throw new Problem(state === 'unreadable' ? 'failed' : state, error);
  }
}

/** The widget's own engine: loaded at the first start, kept for the next, loaded anew after a failure. */
export class EngineKeeper {
  #engine: Promise<FaceAnalyzer> | undefined;

  /** @throws as {@link createEngine} */
  get(request: EngineRequest): Promise<FaceAnalyzer> {
    if (this.#engine) return this.#engine;
    const engine = createEngine(request);
    this.#engine = engine;
    // A failure is not remembered: the next start may find the file or the device back.
    engine.catch(() => {
      if (this.#engine === engine) this.#engine = undefined;
    });
    return engine;
  }

  /** Disposes the engine, also one that is still on its way. */
  drop(): void {
    this.#engine?.then((analyzer) => analyzer.dispose()).catch(() => undefined);
    this.#engine = undefined;
  }
}
