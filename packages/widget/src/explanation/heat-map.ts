import type { TaskExplanation } from 'swinface';

/** Side of the aligned crop in pixels. */
const CROP = 112;
/** Pixels of the drawing for one of the crop. */
const SCALE = 3;

/**
 * Draws the face that an explanation is about, darkened, and over it a glow where the map is strong.
 *
 * @param picture that was explained, in the pixels that `sourceToCrop` reads
 * @param mirrored whether the picture is shown mirrored
 * @returns a square canvas, without a name for assistive technology
 */
export function drawHeatMap(
  picture: CanvasImageSource,
  { map, side, sourceToCrop }: Pick<TaskExplanation, 'map' | 'side' | 'sourceToCrop'>,
  { mirrored = false } = {},
): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = SCALE * CROP;
  canvas.height = SCALE * CROP;
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  const { a, b, tx, ty } = sourceToCrop;
  if (mirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.save();
  context.transform(SCALE * a, SCALE * b, -SCALE * b, SCALE * a, SCALE * tx, SCALE * ty);
  context.drawImage(picture, 0, 0);
  context.restore();
  context.fillStyle = 'rgb(0 0 0 / 45%)';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = 'lighter';
  context.imageSmoothingQuality = 'high';
  context.drawImage(glow(map, side), 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The map as light, one pixel a place. */
function glow(map: Float32Array, side: number): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = side;
  canvas.height = side;
  const image = new ImageData(side, side);
  map.forEach((value, i) => {
    // Squared, so that the strongest places stand out.
    image.data.set([255, 170, 40, 230 * value * value], 4 * i);
  });
  canvas.getContext('2d')?.putImageData(image, 0, 0);
  return canvas;
}

/** A third of the crop, from the top and from the left of the picture as it is shown. */
export interface Place {
  readonly row: 0 | 1 | 2;
  readonly column: 0 | 1 | 2;
}

/**
 * Where a map is strongest.
 *
 * @returns undefined where nothing speaks for the answer
 */
export function strongestPlace(
  { map, side }: Pick<TaskExplanation, 'map' | 'side'>,
  { mirrored = false } = {},
): Place | undefined {
  const strongest = Math.max(...map);
  if (!(strongest > 0)) return undefined;
  const most = map.indexOf(strongest);
  const third = (at: number) => Math.floor((3 * at) / side) as 0 | 1 | 2;
  const column = most % side;
  return { row: third(Math.floor(most / side)), column: third(mirrored ? side - 1 - column : column) };
}
