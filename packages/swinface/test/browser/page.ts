import { type FaceLocator, UprightImage } from '@swinface/alignment';
import { BlazeFaceLocator } from '@swinface/alignment/blazeface';
import { WasmEngine } from '@swinface/core/wasm';
import * as swinface from 'swinface';

/** What a promise rejects with, as plain data; undefined if it does not. */
const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    ({ code, name, message }) => ({ code, name, message }) as { code: unknown; name: string; message: string },
  );

/** What a picture went through: a network of the locator has answered, its faces are found, pixels of one of them are read for the network. */
export type Step = 'blazeface-full' | 'blazeface-short' | 'face-mesh' | 'located' | 'warp';

/** The default locator, and what comes after it, as it is; `passed` hears of each step. */
async function watchedLocator(passed: (step: Step) => void): Promise<FaceLocator> {
  const locator = await BlazeFaceLocator.create({
    weights: '/assets/models/face-locator.json',
    openEngine: async (network, weights) => {
      const engine = await WasmEngine.create({ network, weights, maxFaces: 4 });
      return {
        maxFaces: engine.maxFaces,
        description: engine.description,
        dispose: () => engine.dispose(),
        async run(pictures, count) {
          const results = await engine.run(pictures, count);
          passed(network.name as Step);
          return results;
        },
      };
    },
  });
  const { name, landmarkModel, description } = locator;
  const dispose = () => locator.dispose();
  return {
    name,
    landmarkModel,
    description,
    async locate(image, options) {
      const faces = await locator.locate(image, options);
      passed('located');
      if (image instanceof UprightImage) {
        image.readPixels = (box) => {
          passed('warp');
          return UprightImage.prototype.readPixels.call(image, box);
        };
      }
      return faces;
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

const harness = { ...swinface, rejection, watchedLocator };
Object.assign(globalThis, { harness });

/** Type of the page's global. */
export type SdkHarness = typeof harness;
