import { type EngineOption, FaceAnalyzer, type ProgressEvent } from 'swinface';

/** Pages live one folder below the site's root, wherever that is served. */
const SITE = new URL('../', document.baseURI);
const asset = (path: string): string => new URL(path, SITE).href;

/** Address of something that the site serves. */
export const siteUrl = asset;

/** `?engine=webgpu` in the page's address asks for an engine, to try each on one machine. */
const ENGINES: readonly EngineOption[] = ['auto', 'webgpu', 'wasm', 'tfjs'];
const engineOfAddress = (): EngineOption => {
  const asked = new URLSearchParams(location.search).get('engine');
  return ENGINES.find((engine) => engine === asked) ?? 'auto';
};

/** The page's one analyzer: made when first needed, made again after a failure or a lost device. */
export interface AnalyzerHost {
  /** @throws the SDK's errors of `FaceAnalyzer.create` */
  get(): Promise<FaceAnalyzer>;
  /** Frees everything; the next `get` starts afresh. */
  dispose(): void;
}

/**
 * @param onProgress called while the model loads
 * @param prepared what to wait for before anything is loaded
 */
export function createAnalyzerHost(onProgress: (event: ProgressEvent) => void, prepared: Promise<void>): AnalyzerHost {
  let pending: Promise<FaceAnalyzer> | undefined;
  const dispose = () => {
    pending?.then((analyzer) => analyzer.dispose()).catch(() => {});
    pending = undefined;
  };
  addEventListener('pagehide', dispose);
  return {
    get() {
      if (pending) return pending;
      const created = prepared.then(() =>
        FaceAnalyzer.create({
          model: asset(__MODEL_URL__),
          engine: engineOfAddress(),
          assets: {
            faceLocator: asset('assets/models/face-locator.json'),
            mediapipeWasm: asset('assets/mediapipe'),
            landmarkModel: asset('assets/face_landmarker.task'),
            faceApiModels: asset('assets/face-api'),
            tfjsWasm: asset('assets/tfjs'),
          },
          onProgress,
        }),
      );
      pending = created;
      // A failure is not remembered: the next attempt may find the file or the device back.
      created.catch(() => {
        if (pending === created) pending = undefined;
      });
      return created;
    },
    dispose,
  };
}
