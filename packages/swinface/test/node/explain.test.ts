import { cropTransform } from '@swinface/alignment';
import { warpPixels } from '@swinface/alignment/warp';
import { InvalidInputError, networkOf, selectOutputs } from '@swinface/core';
import { explainTask } from '@swinface/core/explain';
import { runReference } from '@swinface/core/reference';
import { expectAllClose } from '@swinface/testing';
import { FaceAnalyzer, type FaceAnalyzerOptions } from 'swinface';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { imageData, open, stubCanvas } from '../support/canvas.js';
import { StubLocator } from '../support/locator.js';
import { CROPS, config, facePoints, loadedModel, picture } from '../support/model.js';

const image = picture(200, 160);
const FACES = [facePoints(60, 50, 34), facePoints(140, 70, 25)];
const source = () => imageData(image.data, image.width, image.height);
const create = async (options: Partial<FaceAnalyzerOptions> = {}) =>
  FaceAnalyzer.create({ model: await loadedModel(), engine: 'wasm', locator: new StubLocator(FACES), ...options });

beforeEach(stubCanvas);
afterEach(() => {
  vi.unstubAllGlobals();
  expect(open.size, 'pictures left open').toBe(0);
});

/** What the float64 reference's feature maps explain, of a face through the crop that a task reads. */
async function expected(points: (typeof FACES)[number], task: string) {
  const { weights } = await loadedModel();
  const zoom = CROPS.find(({ outputs }) => outputs.includes(task))?.zoom ?? 1;
  const crop = warpPixels(image, [cropTransform(points, zoom)]);
  const network = networkOf(selectOutputs(config, [task]), { levels: true });
  const input = { shape: [1, 3, config.image, config.image], data: crop };
  const { level1, level2, level3, level4 } = runReference(network, weights, input);
  const [a, b, c, d] = [level1, level2, level3, level4].map((map) => map && Float32Array.from(map.data));
  if (!a || !b || !c || !d) throw new Error('No feature maps');
  return explainTask(config, weights, [a, b, c, d], task);
}

it('explains answers of the largest face, each through the crop that its task reads', async () => {
  using analyzer = await create();
  const explained = await analyzer.explain(source(), { tasks: ['Age', 'Eyeglasses'] });
  expect(explained?.points).toEqual(FACES[0]);
  expect(explained?.explanations.map(({ task }) => task)).toEqual(['Age', 'Eyeglasses']);
  for (const { task, map, levels, answer } of explained?.explanations ?? []) {
    const right = await expected(FACES[0] ?? facePoints(0, 0, 0), task);
    expect(answer).toBe(right.answer);
    // Float32 through four blocks against float64; maps are scaled to 1.
    expectAllClose(map, right.map, { atol: 5e-3, rtol: 1e-2, label: `${task} map` });
    expectAllClose(levels, right.levels, { atol: 2e-3, rtol: 1e-3, label: `${task} levels` });
  }
});

it('explains the face at the points given, and what is computed of age, gender and expression by default', async () => {
  using analyzer = await create({ locator: 'none' });
  const [, second] = FACES;
  if (!second) throw new Error('No second face');
  const explained = await analyzer.explain(source(), { points: second });
  expect(explained?.explanations.map(({ task }) => task)).toEqual(['Age', 'Gender']);
  const right = await expected(second, 'Gender');
  expectAllClose(explained?.explanations[1]?.map ?? [], right.map, { atol: 5e-3, rtol: 1e-2 });
});

it('gives nothing where there is no face, and says which tasks there are', async () => {
  using analyzer = await create({ locator: new StubLocator([]) });
  expect(await analyzer.explain(source())).toBeUndefined();
  using other = await create();
  await expect(other.explain(source(), { tasks: ['Mustache'] })).rejects.toThrow(InvalidInputError);
  await expect(other.explain(source(), { tasks: ['Mustache'] })).rejects.toThrow(/Eyeglasses/);
});
