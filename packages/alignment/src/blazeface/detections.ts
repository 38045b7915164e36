import { BLAZEFACE_BOX, BLAZEFACE_LEVELS, BLAZEFACE_SIDE, type BlazeFaceRange } from '@swinface/core/convolutional';
import { type Box, intersectionOverUnion, type Point } from '@swinface/geometry';

/** Six points that the detector gives with a box: image-left eye, image-right eye, nose tip, mouth, image-left ear, image-right ear. */
export type Keypoints = readonly Point[];

/** A face as a detector sees it. */
export interface Detection {
  readonly box: Box;
  readonly score: number;
  readonly keypoints: Keypoints;
}

/** Detections that overlap more than this (intersection over union) are one face; MediaPipe's own value. */
const SAME_DETECTION = 0.3;

/** What a detector gives for one picture: for each of its levels the logits, and the numbers of each anchor's box. */
export type DetectorOutputs = readonly { readonly scores: Float32Array; readonly boxes: Float32Array }[];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/**
 * Reads a detector's outputs: one candidate for each anchor above the score, in pixels of the detector's square picture.
 * Anchors have the size of a cell's pixel; boxes and keypoints are offsets from a cell's centre.
 *
 * @param leastScore in (0, 1)
 */
export function decodeDetections(range: BlazeFaceRange, outputs: DetectorOutputs, leastScore: number): Detection[] {
  const pixels = BLAZEFACE_SIDE[range];
  const leastLogit = Math.log(leastScore / (1 - leastScore));
  return BLAZEFACE_LEVELS[range].flatMap(({ side, anchors }, level) => {
    const output = outputs[level];
    if (!output) throw new RangeError(`The detector gave no level ${level}`);
    const found: Detection[] = [];
    for (const [anchor, logit] of output.scores.entries()) {
      if (!(logit >= leastLogit)) continue;
      const cell = Math.floor(anchor / anchors);
      const x = (((cell % side) + 0.5) / side) * pixels;
      const y = ((Math.floor(cell / side) + 0.5) / side) * pixels;
      const numbers = output.boxes.subarray(anchor * BLAZEFACE_BOX, (anchor + 1) * BLAZEFACE_BOX);
      const [cx = 0, cy = 0, width = 0, height = 0, ...points] = numbers;
      const keypoints: Point[] = [];
      for (let i = 0; i + 1 < points.length; i += 2) keypoints.push([x + Number(points[i]), y + Number(points[i + 1])]);
      const box = { x: x + cx - width / 2, y: y + cy - height / 2, width, height };
      if (width > 0 && height > 0) found.push({ box, score: sigmoid(logit), keypoints });
    }
    return found;
  });
}

/**
 * MediaPipe's weighted suppression: from the highest score down, a detection takes in those that overlap it, and becomes
 * their mean weighted by score. Its score stays its own.
 *
 * @returns highest score first
 */
export function mergeDetections(candidates: readonly Detection[]): Detection[] {
  let left = [...candidates].sort((a, b) => b.score - a.score);
  const merged: Detection[] = [];
  for (let best = left[0]; best; best = left[0]) {
    const { box, score } = best;
    const same = left.filter((other) => other === best || intersectionOverUnion(box, other.box) > SAME_DETECTION);
    merged.push({ ...meanOf(same), score });
    left = left.filter((other) => !same.includes(other));
  }
  return merged;
}

/** Mean of boxes and keypoints, weighted by score. */
function meanOf(detections: readonly Detection[]): Omit<Detection, 'score'> {
  const total = detections.reduce((sum, { score }) => sum + score, 0);
  const mean = (of: (detection: Detection) => number): number =>
    detections.reduce((sum, detection) => sum + of(detection) * detection.score, 0) / total;
  const axis = (point: number, xy: 0 | 1) => mean(({ keypoints }) => keypoints[point]?.[xy] ?? Number.NaN);
  return {
    box: {
      x: mean(({ box }) => box.x),
      y: mean(({ box }) => box.y),
      width: mean(({ box }) => box.width),
      height: mean(({ box }) => box.height),
    },
    keypoints: (detections[0]?.keypoints ?? []).map((_, i): Point => [axis(i, 0), axis(i, 1)]),
  };
}
