import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkOf, PRESETS, parseManifest, readWeights, selectOutputs } from '@swinface/core';
import { requestDevice, WebGpuEngine } from '@swinface/core/webgpu';
import { expectAllClose, runOnnx, testAdapter } from '@swinface/testing';
import { test } from 'vitest';
import { exportRun, trainedWeights } from '../../src/export/export.js';
import { parseRecipe } from '../../src/recipe/recipe.js';
import { train } from '../../src/train/train.js';
import { TinySource, tinyRecipe } from '../node/support/tiny.js';

/** With an embedding of another length than the subnets' features. */
const NANO = { ...PRESETS['swinface-nano'], embedding: 32 };

test('exported weights in the WebGPU engine give what the trained network gives', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swinface-export-'));
  try {
    const recipe = parseRecipe({
      ...tinyRecipe({ batch: 2, length: { steps: 2 } }),
      model: NANO,
      data: { cache: folder, parts: [{ list: 'none.jsonl', count: 2 }] },
    });
    const source = new TinySource(2, [], NANO);
    await train(recipe, source, { out: join(folder, 'run'), device: 'cpu', threads: 1 });
    const { manifest } = await exportRun({ run: join(folder, 'run'), out: folder, calibration: [] });
    const network = networkOf(selectOutputs(manifest.config));
    const { images, count } = await source.next();

    const { weights } = await trainedWeights(join(folder, 'run'), recipe);
    const shape = [count, 3, NANO.image, NANO.image];
    const trained = await runOnnx(network, weights, { shape, data: images });

    const read = parseManifest(JSON.parse(await readFile(join(folder, 'swinface-nano.json'), 'utf8')));
    const stored = await readWeights(read, ({ file }) => readFile(join(folder, file)));
    const { device } = await requestDevice({ adapter: await testAdapter() });
    using engine = await WebGpuEngine.compile({
      device,
      network,
      weights: stored,
      maxFaces: count,
    });
    const given = await engine.run(images, count);
    // Weights rounded to 11 bits (5e-4 relative) before the engine sees them; ages are tens of years.
    expectAllClose(given.logits ?? [], trained.logits ?? [], { atol: 0.02, rtol: 0.005, label: 'logits' });
    expectAllClose(given.embedding ?? [], trained.embedding ?? [], { atol: 0.02, rtol: 0.005, label: 'embedding' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
