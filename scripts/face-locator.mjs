/** `npm run face-locator`: writes `models/face-locator.json` and its shards from MediaPipe's npm packages; a test compares them. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { installModules } from './lib/modules.mjs';
import { inRepo, main, say } from './lib/repo.mjs';
import { importSource } from './lib/sources.mjs';

await main(async () => {
  await installModules();
  const { convertFaceLocator } = await importSource('packages/trainer/src/convert/face-locator.ts');
  const files = await convertFaceLocator();
  await mkdir(inRepo('models'), { recursive: true });
  for (const old of await readdir(inRepo('models'))) {
    if (/^(blazeface|face-mesh)-/.test(old) && !files.has(old)) await rm(inRepo('models', old));
  }
  for (const [name, bytes] of files) {
    await writeFile(inRepo('models', name), bytes);
    say.done(`models/${name}, ${(bytes.length / 1000).toFixed(0)} KB`);
  }
});
