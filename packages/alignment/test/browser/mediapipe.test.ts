import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestPage, SAMPLES, type TestPage } from '../support/browser.js';
import type { PageAlignment } from './page.js';

declare const alignment: PageAlignment;

let test: TestPage;
beforeAll(async () => {
  test = await openTestPage();
});
afterAll(() => test?.close());

describe('MediaPipeLocator', () => {
  it('finds the faces of the sample photos', async () => {
    const out = await test.page.evaluate(
      async (names) => {
        const locator = await alignment.MediaPipeLocator.create({
          wasmPath: '/assets/mediapipe',
          model: '/assets/face_landmarker.task',
        });
        const result: Record<string, unknown> = {};
        for (const name of names) {
          const blob = await (await fetch(`/assets/samples/${name}`)).blob();
          const start = performance.now();
          const faces = await locator.locate(blob);
          const time = performance.now() - start;
          const again = performance.now();
          await locator.locate(blob, { previous: faces });
          result[name] = {
            time,
            track: performance.now() - again,
            faces: faces.map(({ box, score }) =>
              [box.x, box.y, box.width, box.height, 100 * score].map(Math.round).join(),
            ),
          };
        }
        return result;
      },
      SAMPLES.map(({ name }) => name),
    );
    console.log(JSON.stringify(out, null, 1), test.foreignRequests);
    expect(1).toBe(1);
  });
});
