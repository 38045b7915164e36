import { DisposedError } from '@swinface/core';
import { FACE_MESH_SIDE } from '@swinface/core/convolutional';
import { type Box, boundingBox, centreOf, cropSampling, type Point, suppressOverlaps } from '@swinface/geometry';
import { sampleCrop } from '@swinface/geometry/warp';
import { Breather } from '../drawing.js';
import { type ImageSource, type UprightImage, withUprightImage } from '../image.js';
import { SAME_FACE, smallestSide } from '../search.js';
import type { FaceLocator, LocatedFace, LocateOptions } from '../types.js';
import { rasterOf } from '../warp/cpu.js';
import type { Detection } from './detections.js';
import { angleOf, disagreement, fivePointsOf, landmarksInPicture, meshTransform } from './mesh.js';
import { type BlazeFaceOptions, type LocatorNetworks, loadNetworks } from './networks.js';
import { searchPicture, searchTurned } from './search.js';

/** The mesh's logit of "there is a face" above which there is one: a probability of one half. */
const LEAST_PRESENCE = 0;
/** Where the detector's points and the mesh's are farther apart than this share of the eyes' distance, one of them errs. */
const MOST_DISAGREEMENT = 0.5;
/**
 * The mesh's logit from which on a face surely is as upright as it was taken to be. Portraits turned in steps of 15 degrees:
 * 18 and more for 99 % of those fitted right, at most 20 for those fitted a wrong way up.
 */
const SURE_PRESENCE = 20;
/** What is looked at around a face that may be another way up, in longer sides of its box. */
const SURROUNDINGS = 2.5;
/** Faces whose eyes' directions differ by more are two ways up. */
const ANOTHER_WAY_UP = Math.PI / 4;
/** A mesh whose eyes are turned further than this in its own square is made once more, upright. */
const UPRIGHT = (10 * Math.PI) / 180;

/** Of the picture's shorter side: the smallest face that is looked for unless another is asked for. */
const SMALLEST_SHARE = 1 / 40;

/** Where to look: a detection, or a face of the frame before. */
type Candidate = Pick<Detection, 'box' | 'score'> & { readonly angle: number; readonly detection?: Detection };

/** A face with its candidate, and the mesh's logit of there being one; -Infinity where the detector's points are elsewhere. */
interface Found {
  readonly face: LocatedFace;
  readonly candidate: Candidate;
  readonly presence: number;
}

/**
 * Finds faces with MediaPipe's networks on this SDK's own engine: BlazeFace's full range on the picture and on tiles of
 * it, its short range where that finds nothing, and the 468-point mesh on a square around each face, turned upright.
 *
 * @example
 * const openEngine = (network, weights) => WasmEngine.create({ network, weights, maxFaces: 4 });
 * const locator = await BlazeFaceLocator.create({ weights: '/models/face-locator.json', openEngine });
 * const faces = await locator.locate(photo);
 */
export class BlazeFaceLocator implements FaceLocator {
  readonly name = 'blazeface';
  readonly landmarkModel = 'mediapipe-468' as const;
  readonly description: string;
  readonly #networks: LocatorNetworks;
  #disposed = false;

  private constructor(networks: LocatorNetworks, engine: string) {
    this.#networks = networks;
    this.description = `BlazeFace and 468-point face mesh (${engine})`;
  }

  /**
   * Loads the three networks.
   *
   * @throws {InvalidInputError} if the address is not one that can be fetched
   * @throws {ModelDownloadError} if the files cannot be fetched
   * @throws {WeightsInvalidError} if a file is damaged or another one
   * @throws whatever keeps the engine from running them
   */
  static async create(options: BlazeFaceOptions): Promise<BlazeFaceLocator> {
    const { networks, description } = await loadNetworks(options);
    return new BlazeFaceLocator(networks, description);
  }

  async locate(source: ImageSource, options: LocateOptions = {}): Promise<LocatedFace[]> {
    this.#check();
    const { signal, previous, smallestFace } = options;
    return withUprightImage(source, signal, async (image) => {
      const breather = new Breather(signal);
      const faces = previous
        ? await this.#landmarks(image, previous.map(fromPrevious), breather)
        : await this.#search(image, smallestSide(image, smallestFace, SMALLEST_SHARE), breather);
      // Given up during the last of the runs, which nothing waits behind.
      signal?.throwIfAborted();
      return onceEach(faces).sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
    });
  }

  /** Looks in ever more unlikely ways until there is a face. */
  async #search(image: UprightImage, smallestFace: number, breather: Breather): Promise<LocatedFace[]> {
    const { full, short } = this.#networks;
    const whole = { x: 0, y: 0, width: image.width, height: image.height };
    const searches = [
      () => searchPicture(image, full, 'full', smallestFace, breather),
      () => searchPicture(image, short, 'short', Math.max(image.width, image.height), breather),
      () => searchTurned(image, whole, full, 'full', breather),
      () => searchTurned(image, whole, short, 'short', breather),
    ];
    for (const search of searches) {
      const faces = await this.#landmarks(image, (await search()).map(fromDetection), breather);
      if (faces.length > 0) return faces;
    }
    return [];
  }

  /** The mesh on every candidate, twice where the first shows that its square was not upright. */
  async #landmarks(image: UprightImage, candidates: readonly Candidate[], breather: Breather): Promise<LocatedFace[]> {
    const first = await this.#mesh(image, candidates, breather);
    const tilted = first.filter(
      ({ face, candidate, presence }) =>
        presence > LEAST_PRESENCE && turnBetween(eyesOf(face), candidate.angle) > UPRIGHT,
    );
    const upright = tilted.map(({ face, candidate }) => ({ ...candidate, box: face.box, angle: eyesOf(face) }));
    const again = await this.#mesh(image, upright, breather);
    const found: Found[] = [];
    for (const one of [...first.filter((one) => !tilted.includes(one)), ...again]) {
      found.push(await this.#theRightWayUp(image, one, breather));
    }
    return found.filter(({ presence }) => presence > LEAST_PRESENCE).map(({ face }) => face);
  }

  /** The same face as the detector sees it with the picture turned, where that fits better than what was found. */
  async #theRightWayUp(image: UprightImage, found: Found, breather: Breather): Promise<Found> {
    const { presence, face, candidate } = found;
    // In a video the frame before says which way is up.
    if (presence >= SURE_PRESENCE || !candidate.detection) return found;
    const { box } = candidate;
    const [x, y] = centreOf(box);
    const side = SURROUNDINGS * Math.max(box.width, box.height);
    const part = { x: x - side / 2, y: y - side / 2, width: side, height: side };
    const [best] = await searchTurned(image, part, this.#networks.short, 'short', breather);
    const [turned] = best ? await this.#mesh(image, [fromDetection(best)], breather) : [];
    if (!turned || !(turned.presence > presence)) return found;
    // What was no face as it stands must surely be one.
    if (presence <= LEAST_PRESENCE) return turned.presence >= SURE_PRESENCE ? turned : found;
    return turnBetween(eyesOf(face), eyesOf(turned.face)) > ANOTHER_WAY_UP ? turned : found;
  }

  async #mesh(image: UprightImage, candidates: readonly Candidate[], breather: Breather): Promise<Found[]> {
    const { mesh } = this.#networks;
    const length = 3 * FACE_MESH_SIDE * FACE_MESH_SIDE;
    const found: Found[] = [];
    for (let from = 0; from < candidates.length; from += mesh.maxFaces) {
      await breather.pause();
      this.#check();
      const batch = candidates.slice(from, from + mesh.maxFaces);
      const transforms = batch.map(({ box, angle }) => meshTransform(box, angle));
      const pictures = new Float32Array(batch.length * length);
      transforms.forEach((transform, i) => {
        const sampling = cropSampling(transform, image.scaleX, image.scaleY);
        const { planes } = sampleCrop(rasterOf(image), sampling, FACE_MESH_SIDE);
        pictures.set(
          planes.map((value) => value / 255),
          i * length,
        );
      });
      const { landmarks, presence } = await mesh.run(pictures, batch.length);
      if (!landmarks || !presence) throw new RangeError('The mesh gave no landmarks');
      const numbers = landmarks.length / batch.length;
      batch.forEach((candidate, i) => {
        const transform = transforms[i];
        if (!transform) return;
        const points3d = landmarksInPicture(landmarks.subarray(i * numbers, (i + 1) * numbers), transform);
        const points = fivePointsOf(points3d);
        const { detection, score } = candidate;
        const agreed = !detection || disagreement(detection, points) <= MOST_DISAGREEMENT;
        const face: LocatedFace = {
          box: boundingBox(points3d, 3),
          score,
          points,
          landmarks: points3d,
          landmarkModel: this.landmarkModel,
        };
        found.push({ face, candidate, presence: agreed ? Number(presence[i]) : Number.NEGATIVE_INFINITY });
      });
    }
    return found;
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('This BlazeFaceLocator was disposed.');
  }

  /** Frees the networks; more calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const network of Object.values(this.#networks)) network.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Faces without repetitions, of which the one with the higher score stays. A mesh that went astray may overlap the right one
 * little, and still have its nose within it.
 */
function onceEach(faces: readonly LocatedFace[]): LocatedFace[] {
  const kept: LocatedFace[] = [];
  for (const face of suppressOverlaps(faces, SAME_FACE)) {
    const isRepeated = kept.some((other) => contains(other.box, face.points[2]) && contains(face.box, other.points[2]));
    if (!isRepeated) kept.push(face);
  }
  return kept;
}

const contains = ({ x, y, width, height }: Box, [u, v]: Point): boolean =>
  u >= x && u <= x + width && v >= y && v <= y + height;

/** Between two directions, in [0, pi]. */
const turnBetween = (a: number, b: number): number => Math.abs(Math.atan2(Math.sin(a - b), Math.cos(a - b)));

const eyesOf = ({ points }: LocatedFace): number => angleOf(points[0], points[1]);

const fromDetection = (detection: Detection): Candidate => {
  const [left, right] = detection.keypoints;
  return { ...detection, angle: left && right ? angleOf(left, right) : 0, detection };
};

const fromPrevious = ({ box, score, points }: NonNullable<LocateOptions['previous']>[number]): Candidate => ({
  box,
  score,
  angle: points ? angleOf(points[0], points[1]) : 0,
});
