import type { Face, FaceAnalyzer } from 'swinface';
import { nearest } from './nearest.js';

/** A frame that stays, and a face in it. */
export interface Moment {
  readonly picture: HTMLCanvasElement;
  /** Undefined where the frame does not show it. */
  readonly face: Face | undefined;
}

/**
 * Keeps the frame that a video shows now, and looks for a face in it where it was last: the stream's results are of an
 * earlier frame, and averaged.
 *
 * @throws as `FaceAnalyzer.analyze`
 */
export async function lookAgain(
  analyzer: Pick<FaceAnalyzer, 'analyze'>,
  video: HTMLVideoElement,
  last: Pick<Face, 'box'>,
  signal: AbortSignal,
): Promise<Moment> {
  const picture = document.createElement('canvas');
  picture.width = video.videoWidth;
  picture.height = video.videoHeight;
  picture.getContext('2d')?.drawImage(video, 0, 0);
  return { picture, face: nearest(await analyzer.analyze(picture, { signal }), last) };
}
