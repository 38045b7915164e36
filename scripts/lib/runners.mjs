import { mkdir, readFile, rm } from 'node:fs/promises';
import { runTool } from './process.mjs';
import { inRepo, say, since } from './repo.mjs';
import { VITEST_REPORT } from './vitest-report.mjs';

const REPORTS = '.cache/test';

/** @typedef {{ passed: number, skipped: number, failures: string[] }} Totals */

/** The runners: how each is started, and how its report is read. */
export const RUNNERS = [
  {
    name: 'Vitest',
    bin: 'vitest/vitest.mjs',
    args: ['run', '--reporter=default', '--reporter=./scripts/lib/vitest-report.mjs'],
    report: VITEST_REPORT,
    /** @returns {Totals} */
    totals: (report) => report,
  },
  {
    name: 'Playwright',
    bin: '@playwright/test/cli.js',
    args: ['test', '--config', 'e2e/playwright.config.ts'],
    report: `${REPORTS}/playwright.json`,
    /** @returns {Totals} */
    totals: ({ stats, errors, suites }) => ({
      passed: stats.expected,
      skipped: stats.skipped,
      failures: [...errors.map(({ message }) => message), ...suites.flatMap(failuresOf)],
    }),
  },
];

/** Tests of a suite of Playwright's that failed, or passed only when they were tried again. */
const failuresOf = ({ specs = [], suites = [] }) => [
  ...specs.flatMap(({ file, title, tests }) =>
    tests
      .filter(({ status }) => status === 'unexpected' || status === 'flaky')
      .map(({ projectName, results }) => {
        const messages = results.flatMap(({ errors }) => errors.map(({ message }) => message));
        return `[${projectName}] ${file} > ${title}: ${messages.join('\n')}`;
      }),
  ),
  ...suites.flatMap(failuresOf),
];

/**
 * Runs one runner to its end.
 *
 * @param {Record<string, string>} env added to the environment
 * @returns {Promise<Totals>} with a failure more where the runner crashed, reported nothing, or ran no test
 */
export async function outcome({ name, bin, args, report, totals }, env) {
  await mkdir(inRepo(REPORTS), { recursive: true });
  await rm(inRepo(report), { force: true });
  const start = performance.now();
  const code = await runTool(bin, args, { env });
  let counted = { passed: 0, skipped: 0, failures: [] };
  let fault;
  try {
    counted = totals(JSON.parse(await readFile(inRepo(report), 'utf8')));
    if (counted.passed + counted.failures.length === 0) fault = 'ran no test';
    else if (code !== 0 && counted.failures.length === 0) fault = `reported no failure but exited with ${code}`;
  } catch {
    fault = `left no report (exit code ${code})`;
  }
  const { passed, skipped } = counted;
  const failures = fault ? [...counted.failures, `${name} ${fault}`] : counted.failures;
  const line = `${name}: ${passed} passed, ${failures.length} failed, ${skipped} skipped in ${since(start)}`;
  if (failures.length === 0) say.done(line);
  else say.fail(line);
  return { passed, skipped, failures };
}
