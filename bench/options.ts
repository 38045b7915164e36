import { parseArgs } from 'node:util';
import { UserError } from '../scripts/lib/repo.mjs';
import type { ModelName } from './page/main.js';

/** What is measured, and for how long. */
export interface Options {
  readonly models: readonly ModelName[];
  readonly batches: readonly number[];
  /** Undefined for all. */
  readonly engines: readonly string[] | undefined;
  readonly rounds: number;
  /** Seconds for the rounds of one engine at one batch size, beyond the few that make a spread. */
  readonly budget: number;
  /** For the whole run. */
  readonly minutes: number;
  readonly threads: number;
  readonly browser: 'chromium' | 'firefox';
  readonly json: string | undefined;
  /** Measures nothing: prints what was written there. */
  readonly from: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --models a,b         which of nano, t, blazeface, blazeface-full, mesh, mobilefacenet (all)
  --batches 1,4,16     faces per run (1, 4 and 16)
  --engines a,b        which engines (all); a wrong name lists them
  --rounds N           runs of each engine at each batch size, at most (15)
  --budget SECONDS     for the rounds of each engine at each batch size, once it has three (20)
  --minutes N          for everything: what is too slow for it is run once, or left out (55)
  --threads N          of the engines that run on the CPU (1)
  --browser NAME       chromium or firefox, with its own WebGPU (chromium)
  --json FILE          everything, for machines; written as it is measured
  --from FILE          prints the tables of such a file, and measures nothing`;

const MODELS: readonly ModelName[] = ['nano', 't', 'blazeface', 'blazeface-full', 'mesh', 'mobilefacenet'];

const OPTIONS = {
  models: { type: 'string', default: MODELS.join() },
  batches: { type: 'string', default: '1,4,16' },
  engines: { type: 'string' },
  rounds: { type: 'string', default: '15' },
  budget: { type: 'string', default: '20' },
  threads: { type: 'string', default: '1' },
  minutes: { type: 'string', default: '55' },
  browser: { type: 'string', default: 'chromium' },
  json: { type: 'string' },
  from: { type: 'string' },
} as const;

/** What Node says of an option that there is not, with those that there are. */
function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}\n${USAGE}`);
  }
}

/** @throws {UserError} naming the option that cannot be used */
export function parseOptions(args: readonly string[]): Options {
  const values = parse(args);
  const list = (text: string) => text.split(',').filter((entry) => entry !== '');
  const whole = (name: string, text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number > 0) return number;
    throw new UserError(`--${name} takes whole numbers above zero, not "${text}".\n${USAGE}`);
  };
  const models = list(values.models).map((name) => {
    const model = MODELS.find((known) => known === name);
    if (!model) throw new UserError(`There is no model "${name}".\n${USAGE}`);
    return model;
  });
  const batches = list(values.batches).map((text) => whole('batches', text));
  if (models.length === 0 || batches.length === 0) throw new UserError(`Nothing to measure.\n${USAGE}`);
  const { browser } = values;
  if (browser !== 'chromium' && browser !== 'firefox')
    throw new UserError(`There is no browser "${browser}".\n${USAGE}`);
  return {
    models,
    batches,
    engines: values.engines === undefined ? undefined : list(values.engines),
    rounds: whole('rounds', values.rounds),
    budget: whole('budget', values.budget),
    threads: whole('threads', values.threads),
    browser,
    minutes: whole('minutes', values.minutes),
    json: values.json,
    from: values.from,
  };
}
