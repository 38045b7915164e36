import { DisposedError } from '@swinface/core';
import { type Box, boundingBox, type FivePoints, type Point, squareAround, suppressOverlaps } from '@swinface/geometry';
import { Breather, drawPart, greyCanvas } from '../drawing.js';
import { type ImageSource, type UprightImage, withUprightImage } from '../image.js';
import { type Candidate, SAME_FACE, searchTiles, smallestSide } from '../search.js';
import type { TileSize } from '../tiles.js';
import type { FaceLocator, LocatedFace, LocateOptions } from '../types.js';
import { FaceApiNetworks } from './networks.js';

/** Where the second locator's parts are. */
export interface FaceApiOptions {
  /** Folder of this origin that holds the files of `@vladmandic/face-api/model`. */
  readonly modelPath: string;
  /**
   * Folder of this origin that holds the files of `@tensorflow/tfjs-backend-wasm/dist` 4.22. With it the networks run
   * on WebAssembly, without it on WebGL, which compiles for seconds first.
   */
  readonly wasmPath?: string;
  readonly signal?: AbortSignal;
}

/** Measured on 22 faces: all found from 0.07 to 0.6 of the tile at score 0.5. */
const TILE: TileSize = { side: 512, smallestFace: 0.07 * 512, border: 32, finerBorder: 32 };
const LEAST_SCORE = 0.5;
/** Of the picture's shorter side, which most pictures show in one tile: more of them cost a second each. */
const SMALLEST_SHARE = 1 / 8;
/** The landmark network's input, and how much larger than the face its crop is. */
const LANDMARK_PIXELS = 112;
const LANDMARK_FACTOR = 1.1;
/** A face of the previous frame is looked for in a crop of this many times its size, at this many pixels. */
const PREVIOUS = { factor: 2, pixels: 224, score: 0.4 } as const;

/**
 * Finds faces with nothing but what npm has: the SSD MobileNet detector and the 68-point landmark network that the
 * package `@vladmandic/face-api` ships. Slower than MediaPipe and without depth, irises or a landmark check.
 */
export class FaceApiLocator implements FaceLocator {
  readonly name = 'face-api';
  readonly landmarkModel = 'face-api-68';
  readonly description: string;
  readonly #networks: FaceApiNetworks;
  #disposed = false;

  private constructor(networks: FaceApiNetworks) {
    this.#networks = networks;
    this.description = `face-api SSD MobileNet detector and 68-point landmarks (TensorFlow.js ${networks.backend})`;
  }

  /**
   * Loads face-api and its models from this origin. Works on a page and in a worker.
   *
   * @throws {ModelDownloadError} if a model cannot be fetched
   * @throws {WeightsInvalidError} if a file is no model of face-api
   * @throws {UnsupportedDeviceError} if the package is not installed or no backend starts
   */
  static async create({ modelPath, wasmPath, signal }: FaceApiOptions): Promise<FaceApiLocator> {
    signal?.throwIfAborted();
    const locator = new FaceApiLocator(await FaceApiNetworks.load(modelPath, wasmPath, signal));
    if (signal?.aborted) locator.dispose();
    signal?.throwIfAborted();
    return locator;
  }

  async locate(source: ImageSource, { signal, previous, smallestFace }: LocateOptions = {}): Promise<LocatedFace[]> {
    this.#check();
    return withUprightImage(source, signal, async (image) => {
      const breather = new Breather(signal);
      const pause = async (): Promise<void> => {
        await breather.pause();
        this.#check();
      };
      const candidates = previous
        ? await this.#lookNear(image, previous, pause)
        : await searchTiles(
            image,
            smallestSide(image, smallestFace, SMALLEST_SHARE),
            TILE,
            (tile) => this.#networks.detect(tile, LEAST_SCORE),
            pause,
          );
      const faces: LocatedFace[] = [];
      for (const candidate of candidates) {
        await pause();
        faces.push(this.#landmarks(image, candidate));
      }
      return suppressOverlaps(faces, SAME_FACE).sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
    });
  }

  /** Keeps those faces of the previous frame that a small, fast detector still sees near where they were. */
  async #lookNear(
    image: UprightImage,
    previous: readonly Candidate[],
    pause: () => Promise<void>,
  ): Promise<Candidate[]> {
    const { factor, pixels, score } = PREVIOUS;
    const context = greyCanvas(pixels, pixels);
    const seen: Candidate[] = [];
    for (const { box, score: before } of previous) {
      await pause();
      drawPart(context, image, squareAround(box, factor));
      const likelihood = this.#networks.faceLikelihood(context.getImageData(0, 0, pixels, pixels));
      if (likelihood >= score) seen.push({ box, score: before });
    }
    return seen;
  }

  #landmarks(image: UprightImage, { box, score }: Candidate): LocatedFace {
    const crop = squareAround(box, LANDMARK_FACTOR);
    const context = greyCanvas(LANDMARK_PIXELS, LANDMARK_PIXELS);
    drawPart(context, image, crop);
    const pixels = context.getImageData(0, 0, LANDMARK_PIXELS, LANDMARK_PIXELS);
    const found = this.#networks.landmarks(pixels);
    const landmarks = new Float32Array((found.length / 2) * 3);
    for (let i = 0; 2 * i < found.length; i++) {
      landmarks[3 * i] = crop.x + ((found[2 * i] ?? 0) / LANDMARK_PIXELS) * crop.width;
      landmarks[3 * i + 1] = crop.y + ((found[2 * i + 1] ?? 0) / LANDMARK_PIXELS) * crop.height;
    }
    return {
      box: withForehead(boundingBox(landmarks, 3)),
      score,
      points: fivePoints(landmarks),
      landmarks,
      landmarkModel: this.landmarkModel,
    };
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('This FaceApiLocator was disposed.');
  }

  /** Frees the networks; more calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#networks.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The 68 points end at the brows; the forehead above is about a third of what they span. */
function withForehead({ x, y, width, height }: Box): Box {
  const forehead = 0.3 * height;
  return { x, y: y - forehead, width, height: height + forehead };
}

/** Eye centres from the six points of each eye, nose tip 30, mouth corners 48 and 54, in template order. */
function fivePoints(landmarks: Float32Array): FivePoints {
  const middle = (first: number, last: number): Point => {
    let [x, y] = [0, 0];
    for (let i = first; i <= last; i++) {
      x += landmarks[3 * i] ?? 0;
      y += landmarks[3 * i + 1] ?? 0;
    }
    return [x / (last - first + 1), y / (last - first + 1)];
  };
  return [middle(36, 41), middle(42, 47), middle(30, 30), middle(48, 48), middle(54, 54)];
}
