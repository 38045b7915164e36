/** What `npm run soak` and the tests that it runs at length tell each other. */
import { appendFile } from 'node:fs/promises';

/** Variables that carry the numbers of frames, aborts and kills to the tests, and the file to which they tell outcomes. */
export const SOAK = { frames: 'SOAK_FRAMES', aborts: 'SOAK_ABORTS', kills: 'SOAK_KILLS', report: 'SOAK_REPORT' };

/**
 * How often the person at the keyboard wants something done.
 *
 * @param {'frames' | 'aborts' | 'kills'} name
 * @param {number} otherwise where the test is not run by `npm run soak`
 */
export const soakCount = (name, otherwise) => Number(process.env[SOAK[name]] ?? otherwise);

/**
 * Tells `npm run soak` that something was done so often and came out right; nothing where the test is run otherwise.
 *
 * @param {{ what: string, times: number, outcome: string, growth?: number }} row `growth`: of memory, in bytes
 */
export async function tellSoak(row) {
  const path = process.env[SOAK.report];
  if (path) await appendFile(path, `${JSON.stringify(row)}\n`);
}
