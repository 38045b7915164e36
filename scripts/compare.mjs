/** npm run compare -- [options]: this SDK and @vladmandic/human on the same photos, each in a browser of its own. */
import { build } from './build.mjs';
import { findChromium } from './lib/chromium.mjs';
import { main, say } from './lib/repo.mjs';
import { importSource } from './lib/sources.mjs';
import { setup } from './setup.mjs';

await main(async () => {
  await setup();
  await build({ types: false });
  const compare = await importSource('bench/compare/run.ts');
  return compare.main(process.argv.slice(2), await findChromium(), (line) => say.done(line));
});
