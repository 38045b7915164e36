/**
 * npm run fixtures -- [arguments of Playwright, such as --list or --grep esbuild]: a stranger's application with every
 * bundler, from packed packages, Next.js included.
 */
import { build } from './build.mjs';
import { findChromium, vulkanEnvironment } from './lib/chromium.mjs';
import { runTool } from './lib/process.mjs';
import { main } from './lib/repo.mjs';
import { setup } from './setup.mjs';

await main(async () => {
  await setup();
  const chromium = await findChromium();
  await build({ types: false });
  const env = { FIXTURES_NEXT: '1', CHROMIUM_PATH: chromium, ...(await vulkanEnvironment(chromium)) };
  const args = ['test', '--config', 'e2e/playwright.config.ts', '--project', 'bundlers', '--reporter', 'list'];
  return runTool('@playwright/test/cli.js', [...args, ...process.argv.slice(2)], { env });
});
