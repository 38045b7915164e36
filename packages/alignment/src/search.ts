import { InvalidInputError } from '@swinface/core';
import { type Box, suppressOverlaps } from '@swinface/geometry';
import { drawPart, greyCanvas } from './drawing.js';
import type { UprightImage } from './image.js';
import { planTiles, type TileSize } from './tiles.js';

/** A face to look for: where, in source pixels, and how sure the detector was. */
export interface Candidate {
  readonly box: Box;
  readonly score: number;
}

/** Two detections, or two sets of landmarks, that overlap more than this are one face. */
export const SAME_FACE = 0.3;

/** Below this many pixels landmarks mean little, so that nothing smaller is looked for unless it is asked for. */
const LEAST_FACE = 20;

/**
 * Side of the smallest face to look for, in pixels of the picture.
 *
 * @param smallestFace pixels, or below 1 a share of the picture's shorter side
 * @param share of the shorter side where nothing was asked for, but at least 20 pixels
 * @throws {InvalidInputError} if it is not a positive number
 */
export function smallestSide(
  { width, height }: Pick<UprightImage, 'width' | 'height'>,
  smallestFace: number | undefined,
  share: number,
): number {
  const shorter = Math.min(width, height);
  if (smallestFace === undefined) return Math.max(LEAST_FACE, share * shorter);
  if (!(smallestFace > 0)) {
    throw new InvalidInputError('The smallest face to look for must have a size.', {
      expected: "pixels, or below 1 a share of the picture's shorter side",
      actual: String(smallestFace),
    });
  }
  return smallestFace < 1 ? smallestFace * shorter : smallestFace;
}

/**
 * Runs a detector on the whole picture and on tiles of it.
 *
 * @param detect boxes in pixels of the tile it is given
 * @param pause called before each tile
 * @returns overlapping finds reduced to the best one, highest score first
 */
export async function searchTiles(
  image: UprightImage,
  smallestFace: number,
  tile: TileSize,
  detect: (pixels: ImageData) => readonly Candidate[] | Promise<readonly Candidate[]>,
  pause: () => Promise<void>,
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const { scale, border, width, height, tiles } of planTiles(image.width, image.height, smallestFace, tile)) {
    const context = greyCanvas(width, height);
    drawPart(context, image, { x: -border / scale, y: -border / scale, width: width / scale, height: height / scale });
    for (const { x, y } of tiles) {
      await pause();
      for (const { box, score } of await detect(context.getImageData(x, y, tile.side, tile.side))) {
        found.push({ box: toSource(box, (x - border) / scale, (y - border) / scale, scale), score });
      }
    }
  }
  return suppressOverlaps(found, SAME_FACE);
}

/** A box on a canvas in pixels of the source, whose point (x, y) is the canvas' corner at `scale` canvas pixels each. */
export function toSource(box: Box, x: number, y: number, scale: number): Box {
  return { x: x + box.x / scale, y: y + box.y / scale, width: box.width / scale, height: box.height / scale };
}
