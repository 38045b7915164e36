/** Brings a fresh clone to where it can build: node modules, landmark model, files that the example pages serve. */

import { copyAssets } from './lib/assets.mjs';
import { findLandmarkModel } from './lib/landmark-model.mjs';
import { installModules } from './lib/modules.mjs';
import { inRepo, isMain, main, say } from './lib/repo.mjs';

/**
 * Needs nothing but Node and the npm registry; safe to run again, and quick when there is nothing to do.
 *
 * @returns {Promise<{ landmarkModel: string | undefined }>} where the landmark model lies, if there is one
 */
export async function setup() {
  say.step('Setting up');
  await installModules();
  const landmarkModel = await findLandmarkModel();
  await copyAssets(inRepo('examples/public/assets'), landmarkModel);
  return { landmarkModel };
}

if (isMain(import.meta.url)) {
  await main(async () => {
    await setup();
  });
}
