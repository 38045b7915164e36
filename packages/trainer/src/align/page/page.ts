import type { Box, FivePoints } from '@swinface/alignment';
import { MediaPipeLocator } from '@swinface/alignment/mediapipe';

/** A face as it leaves the browser. */
export interface PageFace {
  readonly score: number;
  readonly points: FivePoints;
  readonly box: Box;
  /** x, y, z of 478 points in the image's pixels. */
  readonly landmarks: readonly number[];
  readonly blendshapes: Readonly<Record<string, number>>;
}

/** What the page offers to the program that drives it. */
export interface AlignPage {
  /** @param box around the one face to look at; every face is searched for without it */
  locate(address: string, box?: Box): Promise<readonly PageFace[]>;
}

declare global {
  interface Window {
    alignPage: Promise<AlignPage>;
  }
}

async function open(): Promise<AlignPage> {
  const locator = await MediaPipeLocator.create({ wasmPath: '/mediapipe', model: '/landmarks', blendshapes: true });
  return {
    async locate(address, box) {
      const photo = await (await fetch(address)).blob();
      const faces = await locator.locate(photo, box ? { previous: [{ box, score: 1 }] } : {});
      return faces.map(({ score, points, box, landmarks, blendshapes = {} }) => ({
        score,
        points,
        box,
        landmarks: Array.from(landmarks),
        blendshapes,
      }));
    },
  };
}

window.alignPage = open();
