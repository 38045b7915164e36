/** A rectangle; x to the right, y downwards. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

type Size = Pick<Rect, 'width' | 'height'>;

/** Area that two rectangles share. */
function shared(a: Rect, b: Rect): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Where a label may be, best first: above its face, below, beside, and last within. */
function places({ x, y, width, height }: Rect, label: Size, gap: number): readonly (readonly [number, number])[] {
  const [left, right] = [x, x + width - label.width];
  const [above, below] = [y - gap - label.height, y + height + gap];
  const [before, after] = [x - gap - label.width, x + width + gap];
  const bottom = y + height - label.height;
  const near = [
    [left, above],
    [right, above],
    [left, below],
    [right, below],
    [before, y],
    [after, y],
    [before, bottom],
    [after, bottom],
    [left, bottom],
    [right, bottom],
    [left, y],
    [right, y],
  ] as const;
  // In a crowd, a line further away from the face.
  const far = [-2, -1, 1, 2].map(
    (lines) => [left, (lines < 0 ? above : below) + lines * (label.height + gap)] as const,
  );
  return [...near, ...far];
}

/**
 * Finds a place for the label of each face: inside the frame, not over another label, and if possible not over a face.
 * The first faces choose first.
 *
 * @param faces boxes of the faces
 * @param labels size of each face's label
 * @param gap between a face and its label
 * @returns one rectangle per face
 */
export function placeLabels(faces: readonly Rect[], labels: readonly Size[], frame: Size, gap: number): Rect[] {
  const placed: Rect[] = [];
  faces.forEach((face, i) => {
    const { width, height } = labels[i] ?? { width: 0, height: 0 };
    let best: Rect = { x: 0, y: 0, width, height };
    let least = Number.POSITIVE_INFINITY;
    places(face, { width, height }, gap).forEach(([left, top], rank) => {
      const place = {
        x: Math.max(0, Math.min(left, frame.width - width)),
        y: Math.max(0, Math.min(top, frame.height - height)),
        width,
        height,
      };
      // A label under another says nothing; one on a face hides what it names; else the earlier place is the better one.
      const onLabels = placed.reduce((sum, other) => sum + shared(place, other), 0);
      const onFaces = faces.reduce((sum, other) => sum + shared(place, other), 0);
      const cost = (100 * onLabels + onFaces) / Math.max(1e-9, width * height) + 0.01 * rank;
      if (cost < least) [best, least] = [place, cost];
    });
    placed.push(best);
  });
  return placed;
}
