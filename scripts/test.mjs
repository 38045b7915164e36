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
  const failures = [];
  for (const runner of RUNNERS) {
    say.step(`Running ${runner.name}`);
    const totals = await outcome(runner, env);
    passed += totals.passed;
    failures.push(...totals.failures);
  }
  // Once more at the end, because a runner's own words stand thousands of lines further up.
  for (const failure of failures) say.fail(failure);
  console.log(`\n${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
});
