import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inRepo, say } from './repo.mjs';
import { importSource } from './sources.mjs';

const MODEL = 'swinface-mobile';
/** How far the attributes' crop shows more than the face; the trainer's default. */
const LOOSE_ZOOM = 0.7;
const FOLDER = 'examples/public/assets/untrained';

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Writes weights that are regenerated from the tensors' names: they mean nothing, and run everything. */
async function generate() {
  const { packModel, placedTasks, PRESETS, RECOGNITION } = await importSource('packages/core/src/index.ts');
  const { syntheticWeights } = await importSource('packages/testing/src/synthetic.ts');
  const config = PRESETS[MODEL];
  const names = placedTasks(config).map(({ task }) => task.name);
  const tight = names.filter((name) => ['Gender', 'Age', 'Expression'].includes(name));
  const { manifest, files } = await packModel(
    MODEL,
    {
      id: `${MODEL}-untrained`,
      config,
      synthetic: true,
      crops: [
        { zoom: 1, outputs: [RECOGNITION, ...tight] },
        { zoom: LOOSE_ZOOM, outputs: names.filter((name) => !tight.includes(name)) },
      ],
      calibration: { temperatures: {}, thresholds: {}, ageIntervals: [], verification: [] },
      licence: 'MIT',
      trainingData: [],
      metrics: {},
    },
    syntheticWeights(config),
    'F32',
  );
  return new Map([...files, [`${MODEL}.json`, `${JSON.stringify(manifest)}\n`]]);
}

/**
 * The model that the pages load: the trained one where `models/` holds it, else generated weights that mean nothing.
 *
 * @returns {Promise<{ url: string, untrained: boolean }>} its address relative to the site's root
 */
export async function pageModel() {
  const folder = inRepo(FOLDER);
  if (await exists(inRepo('models', `${MODEL}.json`))) {
    await rm(folder, { recursive: true, force: true });
    return { url: `assets/models/${MODEL}.json`, untrained: false };
  }
  const files = await generate();
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) if (!files.has(name)) await rm(join(folder, name));
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  say.note(`models/${MODEL}.json is absent: the pages offer generated, untrained weights behind a notice`);
  return { url: `assets/untrained/${MODEL}.json`, untrained: true };
}
