import { mkdir, readFile, rm } from 'node:fs/promises';
import { runTool } from './process.mjs';
import { inRepo, say, since } from './repo.mjs';

const REPORTS = '.cache/test';

/** @typedef {{ passed: number, failed: number, skipped: number }} Totals */

/** The runners: how each is started, and how its own report is read. */
export const RUNNERS = [
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
 * @param {Record<string, string>} env added to the environment
 * @param {string[]} [more] further arguments, such as the tests to run
 * @returns {Promise<Totals>} with a failure more where the runner crashed, reported nothing, or ran no test
 */
export async function outcome({ name, bin, args, report, totals }, env, more = []) {
  await mkdir(inRepo(REPORTS), { recursive: true });
  await rm(inRepo(report), { force: true });
  const start = performance.now();
  const code = await runTool(bin, [...args, ...more], { env });
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
