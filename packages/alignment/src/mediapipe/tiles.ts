/** Side of the square that the detector looks at, pixels. */
export const TILE = 128;
/**
 * Faces are found reliably from this share of a tile on (measured: all of 66 views of 22 faces from 0.15 to 0.8 of the
 * tile, 88 % at 0.12, 65 % at 0.10).
 */
const SMALLEST_SHARE = 0.15;
/**
 * Each level is twice as coarse as the one before, so a tile looks for faces up to 0.3 of its side. Where two tiles
 * meet, one of them then sees at least 5/6 of such a face, and faces are found when even a third is cut off.
 */
const OVERLAP = 0.2 * TILE;
/** Grey border around the picture at every level: faces that the picture's edge cuts are found within it. */
export const BORDER = 16;

/** The picture at one scale, cut into tiles. */
export interface TileLevel {
  /** Pixels of this level per pixel of the picture. */
  readonly scale: number;
  /** Size of the level's canvas, border included. */
  readonly width: number;
  readonly height: number;
  /** Top left corners of the tiles on that canvas. */
  readonly tiles: readonly { readonly x: number; readonly y: number }[];
}

/**
 * Where to look for faces: the whole picture in one tile, then ever finer levels until `smallestFace` fills enough of a
 * tile. Pictures are never enlarged to find a smaller face than they can show.
 *
 * @param width pixels of the picture
 * @param height pixels of the picture
 * @param smallestFace side of the smallest face to find, pixels
 * @returns coarsest first
 */
export function planTiles(width: number, height: number, smallestFace: number): TileLevel[] {
  const coarsest = (TILE - 2 * BORDER) / Math.max(width, height);
  const finest = Math.min((SMALLEST_SHARE * TILE) / smallestFace, 1);
  const levels: TileLevel[] = [];
  for (let scale = finest; scale > coarsest; scale /= 2) levels.unshift(level(width, height, scale));
  levels.unshift(level(width, height, coarsest));
  return levels;
}

function level(width: number, height: number, scale: number): TileLevel {
  const paddedWidth = Math.max(TILE, Math.round(width * scale) + 2 * BORDER);
  const paddedHeight = Math.max(TILE, Math.round(height * scale) + 2 * BORDER);
  const xs = offsets(paddedWidth);
  const tiles = offsets(paddedHeight).flatMap((y) => xs.map((x) => ({ x, y })));
  return { scale, width: paddedWidth, height: paddedHeight, tiles };
}

/** Evenly spread offsets of tiles that cover `size` with at least the overlap. */
function offsets(size: number): number[] {
  if (size <= TILE) return [0];
  const steps = Math.ceil((size - TILE) / (TILE - OVERLAP));
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * (size - TILE)) / steps));
}
