import { BLAZEFACE_SIDE, type BlazeFaceRange } from '@swinface/core/convolutional';
import { type Box, centreOf, type Point } from '@swinface/geometry';
import { type Breather, drawPart, greyCanvas } from '../drawing.js';
import type { UprightImage } from '../image.js';
import { planTiles, type TileSize } from '../tiles.js';
import { type Detection, decodeDetections, mergeDetections } from './detections.js';
import type { PictureNetwork } from './networks.js';

/** Least score of a candidate; what is no face is sorted out by the mesh. */
const LEAST_SCORE = 0.5;
/**
 * What each detector sees of its square: faces of `smallestFace` pixels and more, cut by the picture's edge as well.
 *
 * Ten pixels fit a picture searched down to 1/40 of its shorter side into four rows of tiles, two and one, where 16 took five,
 * three and two. Of 372 large and small faces, cut by 20, 30 and 40 %, nine pixels and 16 found 336 both.
 */
const TILES: Readonly<Record<BlazeFaceRange, TileSize>> = {
  full: { side: BLAZEFACE_SIDE.full, smallestFace: 17, border: 16, finerBorder: 10 },
  short: { side: BLAZEFACE_SIDE.short, smallestFace: 19, border: 16, finerBorder: 16 },
};

/** A part of a canvas to look at: its top left corner, and where the canvas lies in the picture. */
interface View {
  readonly pixels: ImageData;
  /** From pixels of the view to pixels of the picture. */
  toPicture(point: Point): Point;
  /** Pixels of the picture per pixel of the view. */
  readonly scale: number;
}

/**
 * Looks for faces in the whole picture, and in tiles of it where it shows smaller ones.
 *
 * @param smallestFace side of the smallest face to find, pixels of the picture
 * @returns what was found, overlapping finds merged, highest score first
 */
export async function searchPicture(
  image: UprightImage,
  detector: PictureNetwork,
  range: BlazeFaceRange,
  smallestFace: number,
  breather: Breather,
): Promise<Detection[]> {
  const tile = TILES[range];
  const views: View[] = [];
  for (const { scale, border, width, height, tiles } of planTiles(image.width, image.height, smallestFace, tile)) {
    const context = greyCanvas(width, height);
    drawPart(context, image, { x: -border / scale, y: -border / scale, width: width / scale, height: height / scale });
    for (const { x, y } of tiles) {
      views.push({
        pixels: context.getImageData(x, y, tile.side, tile.side),
        toPicture: ([u, v]) => [(x + u - border) / scale, (y + v - border) / scale],
        scale: 1 / scale,
      });
    }
  }
  return mergeDetections(await detectIn(views, detector, range, breather));
}

/** The other ways up. */
const QUARTER_TURNS = [1, 2, 3] as const;

/**
 * Looks for faces in a part of the picture turned by 90, 180 and 270 degrees: the detectors know upright ones.
 *
 * @param part of the picture, which is seen in a square around it; beyond the picture there is grey
 */
export async function searchTurned(
  image: UprightImage,
  part: Box,
  detector: PictureNetwork,
  range: BlazeFaceRange,
  breather: Breather,
): Promise<Detection[]> {
  const { side, border } = TILES[range];
  const scale = (side - 2 * border) / Math.max(part.width, part.height);
  const [centreX, centreY] = centreOf(part);
  const [left, top] = [centreX - side / scale / 2, centreY - side / scale / 2];
  const square = greyCanvas(side, side);
  drawPart(square, image, { x: left, y: top, width: side / scale, height: side / scale });
  const turned = greyCanvas(side, side);
  const views = QUARTER_TURNS.map((turns): View => {
    turned.setTransform(1, 0, 0, 1, 0, 0);
    turned.translate(side / 2, side / 2);
    turned.rotate((turns * Math.PI) / 2);
    turned.drawImage(square.canvas, -side / 2, -side / 2);
    return {
      pixels: turned.getImageData(0, 0, side, side),
      toPicture: ([u, v]) => {
        const [x, y] = turnBack([u - side / 2, v - side / 2], turns);
        return [left + (x + side / 2) / scale, top + (y + side / 2) / scale];
      },
      scale: 1 / scale,
    };
  });
  return mergeDetections(await detectIn(views, detector, range, breather));
}

/** A point turned back by quarter turns about the origin. */
function turnBack([x, y]: Point, turns: number): Point {
  if (turns === 1) return [y, -x];
  return turns === 2 ? [-x, -y] : [-y, x];
}

/** Runs the detector on all views, as many at a time as it takes. */
async function detectIn(
  views: readonly View[],
  detector: PictureNetwork,
  range: BlazeFaceRange,
  breather: Breather,
): Promise<Detection[]> {
  const side = BLAZEFACE_SIDE[range];
  const found: Detection[] = [];
  for (let first = 0; first < views.length; first += detector.maxFaces) {
    await breather.pause();
    const batch = views.slice(first, first + detector.maxFaces);
    const pictures = new Float32Array(batch.length * 3 * side * side);
    batch.forEach(({ pixels }, i) => {
      writePicture(pixels, pictures.subarray(i * 3 * side * side, (i + 1) * 3 * side * side));
    });
    const outputs = await detector.run(pictures, batch.length);
    batch.forEach((view, i) => {
      const levels = Object.keys(outputs)
        .filter((name) => name.startsWith('scores'))
        .map((name) => ({ scores: part(outputs, name, i), boxes: part(outputs, name.replace('scores', 'boxes'), i) }));
      for (const detection of decodeDetections(range, levels, LEAST_SCORE)) found.push(inPicture(detection, view));
    });

    /** The numbers of picture `i` of the batch. */
    function part(outputs: Readonly<Record<string, Float32Array>>, name: string, i: number): Float32Array {
      const all = outputs[name];
      if (!all) throw new RangeError(`The detector gave no ${name}`);
      const length = all.length / batch.length;
      return all.subarray(i * length, (i + 1) * length);
    }
  }
  return found;
}

function inPicture({ box, score, keypoints }: Detection, { toPicture, scale }: View): Detection {
  const [x, y] = toPicture([box.x + box.width / 2, box.y + box.height / 2]);
  const [width, height] = [box.width * scale, box.height * scale];
  return { box: { x: x - width / 2, y: y - height / 2, width, height }, score, keypoints: keypoints.map(toPicture) };
}

/** RGBA bytes as the detector takes them: planes of RGB in [-1, 1]. */
function writePicture({ data }: ImageData, target: Float32Array): void {
  const plane = target.length / 3;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      target[channel * plane + pixel] = Number(data[4 * pixel + channel]) / 127.5 - 1;
    }
  }
}
