import { WeightsInvalidError } from '@swinface/core';
import { download, fetchAddress } from '@swinface/core/internal';
import type { FaceLandmark68Net, NetInput, SsdMobilenetv1, TinyFaceDetector } from '@vladmandic/face-api';
import type { Candidate } from '../search.js';
import { FaceApiEngine, type FaceApiTensor } from './engine.js';

/** Numbers per anchor of the small detector: a box and how likely it holds a face. */
const TINY_ENCODING = 5;

interface Network {
  loadFromWeightMap(weights: never): void;
  dispose(): void;
}

/** The three networks of face-api that are used, loaded and ready; all calls are synchronous. */
export class FaceApiNetworks {
  /** The TensorFlow.js backend they run on. */
  readonly backend: string;
  readonly #engine: FaceApiEngine;
  readonly #detector: SsdMobilenetv1;
  readonly #tinyDetector: TinyFaceDetector;
  readonly #landmarks: FaceLandmark68Net;

  private constructor(engine: FaceApiEngine, backend: string) {
    const { SsdMobilenetv1, TinyFaceDetector, FaceLandmark68Net } = engine.api;
    this.#engine = engine;
    this.backend = backend;
    this.#detector = new SsdMobilenetv1();
    this.#tinyDetector = new TinyFaceDetector();
    this.#landmarks = new FaceLandmark68Net();
  }

  /**
   * @param modelPath folder of this origin with the files of `@vladmandic/face-api/model`
   * @param wasmPath folder of this origin with the files of `@tensorflow/tfjs-backend-wasm/dist`
   * @throws {UnsupportedDeviceError} if face-api is not installed or none of its backends starts
   * @throws {ModelDownloadError} if a model file cannot be fetched
   * @throws {WeightsInvalidError} if a model file is not what it should be
   */
  static async load(modelPath: string, wasmPath?: string, signal?: AbortSignal): Promise<FaceApiNetworks> {
    const engine = await FaceApiEngine.load();
    const backend = await engine.startBackend(wasmPath === undefined ? undefined : folderUrl(wasmPath).href);
    const networks = new FaceApiNetworks(engine, backend);
    const folder = folderUrl(modelPath);
    try {
      await loadWeights(engine, networks.#detector, folder, 'ssd_mobilenetv1_model', signal);
      await loadWeights(engine, networks.#tinyDetector, folder, 'tiny_face_detector_model', signal);
      await loadWeights(engine, networks.#landmarks, folder, 'face_landmark_68_model', signal);
    } catch (error) {
      networks.dispose();
      throw error;
    }
    return networks;
  }

  /** SSD MobileNet. @returns boxes in pixels of the square `image`, not yet freed of overlaps */
  detect(image: ImageData, leastScore: number): Candidate[] {
    const [boxes, scores] = this.#run(image, (input) => {
      const result = this.#detector.forwardInput(input);
      return [read(result.boxes[0]), read(result.scores[0])];
    });
    const found: Candidate[] = [];
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i] ?? 0;
      if (!(score >= leastScore)) continue;
      const [top, left, bottom, right] = Array.from(boxes.subarray(4 * i, 4 * i + 4), (v) => v * image.width);
      if (top === undefined || left === undefined || bottom === undefined || right === undefined) continue;
      found.push({ box: { x: left, y: top, width: right - left, height: bottom - top }, score });
    }
    return found;
  }

  /** The small detector: how likely the square `image` shows a face anywhere, in [0, 1]. */
  faceLikelihood(image: ImageData): number {
    const output = this.#run(image, (input) => read(this.#tinyDetector.forwardInput(input, image.width)));
    let best = -Infinity;
    for (let i = TINY_ENCODING - 1; i < output.length; i += TINY_ENCODING) best = Math.max(best, output[i] ?? best);
    return 1 / (1 + Math.exp(-best));
  }

  /** The 68 landmarks of the one face in the square `image`: x, y in its pixels. */
  landmarks(image: ImageData): Float32Array {
    const shares = this.#run(image, (input) => read(this.#landmarks.forwardInput(input)));
    return shares.map((share) => share * image.width);
  }

  #run<R>(image: ImageData, work: (input: NetInput) => R): R {
    const { api, tf } = this.#engine;
    return this.#engine.run(() => {
      const pixels = tf.browser.fromPixels(image, 3);
      return work(new api.NetInput([pixels as never]));
    });
  }

  dispose(): void {
    this.#engine.run(() => {
      for (const network of [this.#detector, this.#tinyDetector, this.#landmarks]) {
        if (network.isLoaded) network.dispose();
      }
    });
  }
}

function read(tensor: unknown): Float32Array {
  return Float32Array.from((tensor as FaceApiTensor).dataSync());
}

async function loadWeights(
  engine: FaceApiEngine,
  network: Network,
  folder: URL,
  name: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const manifest = await fetchPart(new URL(`${name}-weights_manifest.json`, folder), signal);
  const file = await fetchPart(new URL(`${name}.bin`, folder), signal);
  try {
    const bytes = new Uint8Array(file).buffer;
    const specs = (
      JSON.parse(new TextDecoder().decode(manifest)) as { readonly weights: readonly unknown[] }[]
    ).flatMap(({ weights }) => weights);
    // The result keeps the tensors alive beyond the run.
    engine.run(() => {
      const tensors = engine.tf.io.decodeWeights(bytes, specs);
      network.loadFromWeightMap(tensors as never);
      return tensors;
    });
  } catch (cause) {
    throw new WeightsInvalidError(`${name}.bin does not fit its manifest, or is no model of face-api.`, { cause });
  }
}

/** No file of face-api's is larger. */
const MOST_BYTES = 32 * 2 ** 20;

const fetchPart = (url: URL, signal: AbortSignal | undefined): Promise<Uint8Array> =>
  download(url, { limit: MOST_BYTES, signal, hint: 'Serve the files of @vladmandic/face-api/model at this address.' });

function folderUrl(path: string): URL {
  const folder = `${path}`.replace(/\/?$/, '/');
  return fetchAddress(folder, "the second locator's files", '/assets/face-api/', 'Serve them from a web server.');
}
