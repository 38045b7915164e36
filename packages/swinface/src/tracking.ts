import { type Box, intersectionOverUnion } from '@swinface/alignment';

interface Track {
  readonly id: number;
  readonly box: Box;
  /** Frames since it was last seen. */
  readonly unseen: number;
}

/** Overlap from which two boxes of successive frames are the same face. */
const SAME_FACE = 0.3;
/** How many frames a face may be missed for without getting a new id. */
const PATIENCE = 10;

/** Gives the faces of a video ids that stay, by the overlap of their boxes from frame to frame. */
export class FaceTracker {
  #tracks: readonly Track[] = [];
  #next = 1;

  /** Ids of one frame's faces, in their order. Pairs are taken by overlap, largest first; each track and face once. */
  update(boxes: readonly Box[]): readonly number[] {
    const pairs = boxes
      .flatMap((box, face) =>
        this.#tracks.map((track) => ({ face, track, overlap: intersectionOverUnion(box, track.box) })),
      )
      .filter(({ overlap }) => overlap >= SAME_FACE)
      .sort((a, b) => b.overlap - a.overlap);
    const idOf = new Map<number, number>();
    const taken = new Set<number>();
    for (const { face, track } of pairs) {
      if (idOf.has(face) || taken.has(track.id)) continue;
      idOf.set(face, track.id);
      taken.add(track.id);
    }
    const ids = boxes.map((_, face) => idOf.get(face) ?? this.#next++);
    const missed = this.#tracks
      .filter(({ id, unseen }) => !taken.has(id) && unseen < PATIENCE)
      .map((track) => ({ ...track, unseen: track.unseen + 1 }));
    this.#tracks = [...boxes.map((box, face) => ({ id: ids[face] as number, box, unseen: 0 })), ...missed];
    return ids;
  }
}
