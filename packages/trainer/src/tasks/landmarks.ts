import { at } from '@swinface/core/internal';
/**
 * The 72 of MediaPipe's 478 landmarks that are learnt, by face part from image left to image right: jaw (17), brows
 * (5 and 5), nose (4 along the bridge, 5 below), eyes (6 and 6), outer lips (12), inner lips (8), irises (2), and the
 * glabella and the top of the forehead (2): the usual 68 and four more.
 */
// biome-ignore format: one line a part
export const LANDMARK_INDICES: readonly number[] = [
  127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
  70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
  168, 197, 5, 4, 98, 97, 2, 326, 327,
  33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
  61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
  78, 82, 13, 312, 308, 317, 14, 87,
  468, 473,
  9, 10,
];

/** Which of the 72 each becomes when left and right are mirrored. */
// biome-ignore format: one line a part
export const MIRRORED_LANDMARKS: readonly number[] = [
  16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
  26, 25, 24, 23, 22, 21, 20, 19, 18, 17,
  27, 28, 29, 30, 35, 34, 33, 32, 31,
  45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
  54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55,
  64, 63, 62, 61, 60, 67, 66, 65,
  69, 68,
  70, 71,
];

/**
 * The learnt landmarks among all.
 *
 * @param landmarks x, y, z of 478 points
 * @returns x, y of 72 points, one decimal
 */
export const chosenLandmarks = (landmarks: ArrayLike<number>): number[] =>
  LANDMARK_INDICES.flatMap((index) =>
    [at(landmarks, 3 * index), at(landmarks, 3 * index + 1)].map((value) => Math.round(10 * value) / 10),
  );
