/** `npm test`: from a fresh clone to the totals of every test. Everything that is needed is installed or built first. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { build } from './build.mjs';
import { findChromium, vulkanEnvironment } from './lib/chromium.mjs';
import { runTool } from './lib/process.mjs';
import { inRepo, main, say, since } from './lib/repo.mjs';
import { setup } from './setup.mjs';

const REPORTS = '.cache/test';

/** @typedef {{ passed: number, failed: number, skipped: number }} Totals */

/** The runners: how each is started, and how its own report is read. */
const RUNNERS = [
  {
    name: 'Vitest',
    bin: 'vitest/vitest.mjs',
    args: ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${REPORTS}/vitest.json`],
    report: `${REPORTS}/vitest.json`,
    /** @returns {Totals} */
    totals: (report) => ({
      passed: report.numPassedTests,
      // A file that does not load has no tests to fail; it is a failure all the same.
      failed: report.numFailedTests + report.testResults.filter(isBrokenFile).length,
      skipped: report.numPendingTests + report.numTodoTests,
    }),
  },
  {
    name: 'Playwright',
    bin: '@playwright/test/cli.js',
    args: ['test', '--config', 'e2e/playwright.config.ts'],
    report: `${REPORTS}/playwright.json`,
    /** @returns {Totals} */
    totals: ({ stats, errors }) => ({
      passed: stats.expected,
      failed: stats.unexpected + stats.flaky + errors.length,
      skipped: stats.skipped,
    }),
  },
];

const isBrokenFile = ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0;

/**
 * Runs one runner to its end.
 *
 * @returns {Promise<Totals>} with a failure more where the runner crashed, reported nothing, or ran no test
 */
async function outcome({ name, bin, args, report, totals }, env) {
  await rm(inRepo(report), { force: true });
  const start = performance.now();
  const code = await runTool(bin, args, { env });
  let counted;
  try {
    counted = totals(JSON.parse(await readFile(inRepo(report), 'utf8')));
  } catch {
    say.fail(`${name} left no report (exit code ${code})`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const { passed, failed, skipped } = counted;
  if (passed + failed === 0) {
    say.fail(`${name} ran no test`);
    return { ...counted, failed: 1 };
  }
  if (code !== 0 && failed === 0) {
    say.fail(`${name} reported no failed test but exited with ${code}`);
    return { ...counted, failed: 1 };
  }
  const line = `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${since(start)}`;
  if (failed === 0) say.done(line);
  else say.fail(line);
  return counted;
}

await main(async () => {
  await setup();
  const chromium = await findChromium();
  say.done(`browser tests use ${chromium}`);
  await build({ types: false });
  const env = { CHROMIUM_PATH: chromium, ...(await vulkanEnvironment(chromium)) };
  await mkdir(inRepo(REPORTS), { recursive: true });
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
