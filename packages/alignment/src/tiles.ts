/** What a detector can see, all in pixels of its square input. */
export interface TileSize {
  /** Side of the square that the detector looks at. */
  readonly side: number;
  /** Smallest face that it finds reliably. */
  readonly smallestFace: number;
  /** Grey border around the whole picture: faces that its edge cuts are found within it. */
  readonly border: number;
  /** The same at the finer levels, whose faces are small: often a narrower one does with a row of tiles less. */
  readonly finerBorder: number;
}

/** The picture at one scale, cut into tiles. */
export interface TileLevel {
  /** Pixels of this level per pixel of the picture. */
  readonly scale: number;
  readonly border: number;
  /** Size of the level's canvas, border included. */
  readonly width: number;
  readonly height: number;
  /** Top left corners of the tiles on that canvas. */
  readonly tiles: readonly { readonly x: number; readonly y: number }[];
}

/**
 * Each level is twice as coarse as the one before, so a tile looks for faces up to twice the smallest it finds. Where
 * two tiles meet, overlapping by 4/3 of the smallest face, one of them sees at least 5/6 of such a face, and detectors
 * find faces even when a quarter is cut off.
 */
const OVERLAP = 4 / 3;

/**
 * Where to look for faces: the whole picture in one tile, then ever finer levels until the smallest face fills enough
 * of a tile. Pictures are not enlarged to find smaller faces than they can show.
 *
 * @param width pixels of the picture
 * @param height pixels of the picture
 * @param smallestFace side of the smallest face to find, pixels of the picture
 * @returns coarsest first
 */
export function planTiles(width: number, height: number, smallestFace: number, tile: TileSize): TileLevel[] {
  const coarsest = (tile.side - 2 * tile.border) / Math.max(width, height);
  // A strip shows too little of a face that is twice as large as it is wide.
  const finest = smallestFace >= 2 * Math.min(width, height) ? 0 : Math.min(tile.smallestFace / smallestFace, 1);
  const levels: TileLevel[] = [];
  for (let scale = finest; scale > coarsest; scale /= 2) {
    levels.unshift(level(width, height, scale, tile.finerBorder, tile));
  }
  levels.unshift(level(width, height, coarsest, tile.border, tile));
  return levels;
}

function level(width: number, height: number, scale: number, border: number, tile: TileSize): TileLevel {
  const paddedWidth = Math.max(tile.side, Math.round(width * scale) + 2 * border);
  const paddedHeight = Math.max(tile.side, Math.round(height * scale) + 2 * border);
  const xs = offsets(paddedWidth, tile);
  const tiles = offsets(paddedHeight, tile).flatMap((y) => xs.map((x) => ({ x, y })));
  return { scale, border, width: paddedWidth, height: paddedHeight, tiles };
}

/** Evenly spread offsets of tiles that cover `size` with at least the overlap. */
function offsets(size: number, { side, smallestFace }: TileSize): number[] {
  if (size <= side) return [0];
  const steps = Math.ceil((size - side) / (side - OVERLAP * smallestFace));
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * (size - side)) / steps));
}
