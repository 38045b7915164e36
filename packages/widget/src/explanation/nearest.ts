import type { Face } from 'swinface';

type Boxed = Pick<Face, 'box'>;

/** The face whose middle lies nearest to another's, within its box: the same one a moment later. */
export function nearest<F extends Boxed>(faces: readonly F[], { box }: Boxed): F | undefined {
  const [x, y] = middle(box);
  return faces
    .map((face) => ({ face, dx: Math.abs(middle(face.box)[0] - x), dy: Math.abs(middle(face.box)[1] - y) }))
    .filter(({ dx, dy }) => dx < box.width / 2 && dy < box.height / 2)
    .sort((a, b) => a.dx + a.dy - b.dx - b.dy)[0]?.face;
}

const middle = ({ x, y, width, height }: Face['box']): readonly [number, number] => [x + width / 2, y + height / 2];
