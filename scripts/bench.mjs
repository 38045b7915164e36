/** npm run bench -- [options]: this engine and others on the same graph, adapter and page; see bench/README.md. */
import { findFirefox } from './lib/browsers.mjs';
import { findChromium } from './lib/chromium.mjs';
import { installModules } from './lib/modules.mjs';
import { main, say } from './lib/repo.mjs';
import { importSource } from './lib/sources.mjs';

const findBrowser = (name) => (name === 'firefox' ? findFirefox() : findChromium());

await main(async () => {
  await installModules();
  const bench = await importSource('bench/run.ts');
  return bench.main(process.argv.slice(2), findBrowser, (line) => say.done(line));
});
