/** `npm test`: from a fresh clone to the totals of every test. Everything that is needed is installed or built first. */
import { build } from './build.mjs';
import { findFirefox, findWebKit } from './lib/browsers.mjs';
import { findChromium, vulkanEnvironment } from './lib/chromium.mjs';
import { main, say } from './lib/repo.mjs';
import { outcome, RUNNERS } from './lib/runners.mjs';
import { setup } from './setup.mjs';

await main(async () => {
  await setup();
  const chromium = await findChromium();
  const firefox = await findFirefox();
  const webkit = await findWebKit();
  say.done(`browser tests use ${[chromium, firefox, webkit].filter(Boolean).join(', ')}`);
  await build({ types: false });
  const env = {
    CHROMIUM_PATH: chromium,
    FIREFOX_PATH: firefox,
    WEBKIT_DRIVER_PATH: webkit ?? '',
    ...(await vulkanEnvironment(chromium)),
  };
  let passed = 0;
  let failed = 0;
  for (const runner of RUNNERS) {
    say.step(`Running ${runner.name}`);
    const totals = await outcome(runner, env);
    passed += totals.passed;
    failed += totals.failed;
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
