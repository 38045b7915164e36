import type { NormalizedLandmark } from '@mediapipe/tasks-vision';
import { DisposedError } from '@swinface/core';
import {
  type Box,
  boundingBox,
  type FivePoints,
  intersectionOverUnion,
  type Point,
  squareAround,
  suppressOverlaps,
} from '@swinface/geometry';
import { Breather, drawPart, greyCanvas } from '../drawing.js';
import { type ImageSource, type UprightImage, withUprightImage } from '../image.js';
import { type Candidate, SAME_FACE, searchTiles, smallestSide, toSource } from '../search.js';
import type { TileSize } from '../tiles.js';
import type { FaceLocator, LocatedFace, LocateOptions } from '../types.js';
import { loadLandmarkModel } from './model.js';
import { type MediaPipeTasks, startTasks } from './runtime.js';

/** Where MediaPipe's parts are, and what to compute beyond the landmarks. */
export interface MediaPipeOptions {
  /** Folder of this origin that holds the files of `@mediapipe/tasks-vision/wasm`. */
  readonly wasmPath: string;
  /** `face_landmarker.task`: its address on this origin, or its bytes. Always checked by SHA-256. */
  readonly model: string | URL | Uint8Array;
  /** CPU unless 'GPU' is asked for; the CPU delegate gives the same points on every machine. */
  readonly delegate?: 'CPU' | 'GPU';
  /** Also give the 52 expression coefficients of each face. */
  readonly blendshapes?: boolean;
  /** Also give each face's 4x4 transform. */
  readonly transforms?: boolean;
  readonly signal?: AbortSignal;
}

/** Iris centres, nose tip, mouth corners among the 478 landmarks, in template order. */
const FIVE = [468, 473, 4, 61, 291] as const;
const LANDMARKS = 478;
/**
 * Measured on 66 views of 22 faces: all found from 0.15 to 0.8 of the tile, 88 % at 0.12, 65 % at 0.10.
 */
const TILE: TileSize = { side: 128, smallestFace: 0.15 * 128, border: 16, finerBorder: 16 };
/** Of the picture's shorter side: the smallest face that is looked for unless another is asked for; 30 pixels of 1280. */
const SMALLEST_SHARE = 3 / 128;
/** The landmarker sees a square of this many times the detected face, at this many pixels; then a second try. */
const CROP_FACTORS = [2, 1.5] as const;
const CROP_PIXELS = 512;
/**
 * The detector's second look at a candidate: its share of the tile, and the least score of a face. Faces score 0.8 to
 * 0.96, cut by the border down to 0.65; buttons and badges of 20 pixels reach 0.73, so tiny finds must be surer.
 */
const SECOND_LOOK = { share: 0.25, leastScore: 0.65, tiny: 24, leastScoreOfTiny: 0.75 } as const;

/**
 * Finds faces with MediaPipe: the short-range detector on the whole image and on tiles of it, then the 478-point
 * landmarker on a square crop around each face, which also weeds out what is no face.
 *
 * @example
 * const locator = await MediaPipeLocator.create({ wasmPath: '/mediapipe', model: '/face_landmarker.task' });
 * const faces = await locator.locate(photo);
 */
export class MediaPipeLocator implements FaceLocator {
  readonly name = 'mediapipe';
  readonly landmarkModel = 'mediapipe-478';
  readonly description: string;
  readonly #tasks: MediaPipeTasks;
  readonly #tile = greyCanvas(TILE.side, TILE.side);
  readonly #crop = greyCanvas(CROP_PIXELS, CROP_PIXELS);
  #disposed = false;

  private constructor(tasks: MediaPipeTasks, delegate: string) {
    this.#tasks = tasks;
    this.description = `MediaPipe face detector and 478-point landmarker (${delegate})`;
  }

  /**
   * Loads wasm and model from this origin, checks the model and starts both graphs. Works on a page and in a module worker.
   *
   * @throws {ModelDownloadError} if the model cannot be fetched
   * @throws {WeightsInvalidError} if the model is another file
   * @throws {UnsupportedDeviceError} if the wasm files cannot be had or do not start
   */
  static async create(options: MediaPipeOptions): Promise<MediaPipeLocator> {
    const { wasmPath, model, delegate = 'CPU', blendshapes = false, transforms = false, signal } = options;
    signal?.throwIfAborted();
    const bundle = await loadLandmarkModel(model, signal);
    const tasks = await startTasks(bundle, { wasmPath, delegate, blendshapes, transforms });
    const locator = new MediaPipeLocator(tasks, delegate);
    if (signal?.aborted) locator.dispose();
    signal?.throwIfAborted();
    return locator;
  }

  async locate(source: ImageSource, { signal, previous, smallestFace }: LocateOptions = {}): Promise<LocatedFace[]> {
    this.#check();
    return withUprightImage(source, signal, async (image) => {
      const breather = new Breather(signal);
      const candidates = previous
        ? previous.map(({ box, score }) => ({ box, score }))
        : await this.#search(image, smallestSide(image, smallestFace, SMALLEST_SHARE), breather);
      const faces: LocatedFace[] = [];
      for (const candidate of candidates) {
        await this.#pause(breather);
        const face = this.#landmarks(image, candidate);
        if (face) faces.push(face);
      }
      return suppressOverlaps(faces, SAME_FACE).sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
    });
  }

  async #search(image: UprightImage, smallestFace: number, breather: Breather): Promise<Candidate[]> {
    const pause = (): Promise<void> => this.#pause(breather);
    const seenTwice: Candidate[] = [];
    for (const candidate of await searchTiles(image, smallestFace, TILE, (tile) => this.#detect(tile), pause)) {
      await pause();
      const again = this.#lookAgain(image, candidate);
      if (again) seenTwice.push(again);
    }
    return suppressOverlaps(seenTwice, SAME_FACE);
  }

  /**
   * The detector once more, with the candidate in the middle at the size it knows best: faces come out near 0.9 and
   * in place, while the face-like bits of walls and clothes that fine tiles turn up mostly vanish.
   */
  #lookAgain(image: UprightImage, candidate: Candidate): Candidate | undefined {
    const part = squareAround(candidate.box, 1 / SECOND_LOOK.share);
    drawPart(this.#tile, image, part);
    const scale = TILE.side / part.width;
    const { tiny, leastScore, leastScoreOfTiny } = SECOND_LOOK;
    const needed = candidate.box.width < tiny ? leastScoreOfTiny : leastScore;
    return this.#detect(this.#tile.getImageData(0, 0, TILE.side, TILE.side))
      .map(({ box, score }) => ({ box: toSource(box, part.x, part.y, scale), score }))
      .filter(({ box, score }) => score >= needed && intersectionOverUnion(box, candidate.box) > SAME_FACE)
      .sort((a, b) => b.score - a.score)[0];
  }

  #detect(tile: ImageData): Candidate[] {
    return this.#tasks.detector.detect(tile).detections.flatMap(({ boundingBox: box, categories }) => {
      const score = categories[0]?.score;
      if (!box || score === undefined) return [];
      return [{ box: { x: box.originX, y: box.originY, width: box.width, height: box.height }, score }];
    });
  }

  /** The landmarker on a crop around a candidate; undefined if it sees no face there, or another one. */
  #landmarks(image: UprightImage, candidate: Candidate): LocatedFace | undefined {
    for (const factor of CROP_FACTORS) {
      const crop = squareAround(candidate.box, factor);
      drawPart(this.#crop, image, crop);
      const result = this.#tasks.landmarker.detect(this.#crop.getImageData(0, 0, CROP_PIXELS, CROP_PIXELS));
      const normalized = result.faceLandmarks[0];
      if (normalized?.length !== LANDMARKS) continue;
      const landmarks = toSourcePixels(normalized, crop);
      const box = boundingBox(landmarks, 3);
      if (!isSameFace(box, candidate.box)) continue;
      const blendshapes = result.faceBlendshapes[0]?.categories;
      const transform = result.facialTransformationMatrixes[0]?.data;
      return {
        box,
        score: candidate.score,
        points: fivePoints(landmarks),
        landmarks,
        landmarkModel: this.landmarkModel,
        ...(blendshapes && { blendshapes: Object.fromEntries(blendshapes.map((c) => [c.categoryName, c.score])) }),
        ...(transform && { transform: Float32Array.from(transform) }),
      };
    }
    return undefined;
  }

  async #pause(breather: Breather): Promise<void> {
    await breather.pause();
    this.#check();
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('This MediaPipeLocator was disposed.');
  }

  /** Frees both graphs; more calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#tasks.detector.close();
    this.#tasks.landmarker.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function toSourcePixels(landmarks: readonly NormalizedLandmark[], crop: Box): Float32Array {
  const pixels = new Float32Array(3 * landmarks.length);
  for (const [i, { x, y, z }] of landmarks.entries()) {
    pixels[3 * i] = crop.x + x * crop.width;
    pixels[3 * i + 1] = crop.y + y * crop.height;
    // MediaPipe scales z like x.
    pixels[3 * i + 2] = z * crop.width;
  }
  return pixels;
}

function fivePoints(landmarks: Float32Array): FivePoints {
  const point = (i: number): Point => [landmarks[3 * i] ?? 0, landmarks[3 * i + 1] ?? 0];
  return [point(FIVE[0]), point(FIVE[1]), point(FIVE[2]), point(FIVE[3]), point(FIVE[4])];
}

/** Whether landmarks belong to the detection: the landmarker may have jumped to a neighbour, or onto a shirt. */
function isSameFace(found: Box, detected: Box): boolean {
  const x = found.x + found.width / 2;
  const y = found.y + found.height / 2;
  return (
    x > detected.x &&
    x < detected.x + detected.width &&
    y > detected.y &&
    y < detected.y + detected.height &&
    intersectionOverUnion(found, detected) > 0.2
  );
}
