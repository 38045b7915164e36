/**
 * npm run soak -- [--frames 10000] [--aborts 300] [--kills 20] [--only WORDS]...
 *
 * What a long day does to the SDK and the trainer: frames through a stream, random aborts and disposals, workers that end,
 * GPU devices that are destroyed, a cache that rots, full disks, a trainer that is killed. The tests of `e2e/soak` do the
 * browser's part, tests of the trainer the rest, at length. Prints a table; exits with 1 if anything came out wrong.
 * `--only` leaves out the rows that none of the words given is in.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { findChromium, vulkanEnvironment } from './lib/chromium.mjs';
import { runTool } from './lib/process.mjs';
import { inRepo, main, since, UserError } from './lib/repo.mjs';
import { SOAK } from './lib/soak.mjs';
import { setup } from './setup.mjs';

const REPORT = '.cache/test/soak.jsonl';
const TRAINER = 'packages/trainer/test/node';
/** What the tests tell of. What is missing in their report has failed. */
const ROWS = [
  'frames through a stream',
  'random aborts and disposals',
  'worker ended in the middle of a call or between calls',
  'device destroyed',
  'cache corrupted',
  "browser's disk full",
  'trainer killed and resumed',
  "trainer's disk full",
];

/** @param {string} name @param {string} text */
function count(name, text) {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UserError(`--${name} ${text}: expected a whole number from 1`);
  return text;
}

/** @returns {Promise<{ what: string, times: number, outcome: string, growth?: number }[]>} what the tests told */
async function told() {
  const text = await readFile(inRepo(REPORT), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

const MIB = 2 ** 20;

await main(async () => {
  const { values } = parseArgs({
    options: {
      frames: { type: 'string', default: '10000' },
      aborts: { type: 'string', default: '300' },
      kills: { type: 'string', default: '20' },
      only: { type: 'string', multiple: true, default: [''] },
    },
  });
  const wanted = ROWS.filter((row) => values.only.some((words) => row.includes(words)));
  if (wanted.length === 0) throw new UserError(`--only ${values.only.join(' ')}: expected words of ${ROWS.join(', ')}`);
  const trainers = wanted.filter((row) => row.startsWith('trainer'));
  const pages = wanted.filter((row) => !trainers.includes(row));
  await setup();
  const chromium = await findChromium();
  await build({ types: false });
  await mkdir(inRepo('.cache/test'), { recursive: true });
  await rm(inRepo(REPORT), { force: true });
  const env = {
    CHROMIUM_PATH: chromium,
    ...(await vulkanEnvironment(chromium)),
    [SOAK.frames]: count('frames', values.frames),
    [SOAK.aborts]: count('aborts', values.aborts),
    [SOAK.kills]: count('kills', values.kills),
    [SOAK.report]: inRepo(REPORT),
  };
  const start = performance.now();
  const files = [`${TRAINER}/interruption.test.ts`, `${TRAINER}/files/durable.test.ts`];
  // Their own output goes where the table does not.
  const stdio = ['ignore', 2, 2];
  const codes = [];
  if (trainers.length > 0) {
    codes.push(await runTool('vitest/vitest.mjs', ['run', '--project', 'node', ...files], { env, stdio }));
  }
  if (pages.length > 0) {
    // Titles of tests are the names of rows.
    const args = ['test', '--config', 'e2e/soak.config.ts', '--grep', pages.join('|')];
    codes.push(await runTool('@playwright/test/cli.js', args, { env, stdio }));
  }
  const outcomes = await told();
  console.log(`\n| what | times | outcome | memory grew by |\n|---|---|---|---|`);
  for (const what of wanted) {
    const rows = outcomes.filter((row) => row.what === what);
    if (rows.length === 0) rows.push({ what, times: 0, outcome: 'FAILED, see above' });
    for (const { times, outcome, growth } of rows) {
      const grew = growth === undefined ? '-' : `${(growth / MIB).toFixed(1)} MiB`;
      console.log(`| ${what} | ${times} | ${outcome} | ${grew} |`);
    }
  }
  const passed = codes.every((code) => code === 0) && wanted.every((what) => outcomes.some((row) => row.what === what));
  console.log(`\n${passed ? 'All of it came out right' : 'NOT all of it came out right'}, in ${since(start)}`);
  return passed ? 0 : 1;
});
