import { parseArgs } from 'node:util';
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
  readonly json: string | undefined;
  /** Measures nothing: prints what was written there. */
  readonly from: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --models nano,t      which models (both)
  --batches 1,4,16     faces per run (1, 4 and 16)
  --engines a,b        which engines (all); a wrong name lists them
  --rounds N           runs of each engine at each batch size, at most (15)
  --budget SECONDS     for the rounds of each engine at each batch size, once it has three (20)
  --minutes N          for everything: what is too slow for it is run once, or left out (55)
  --threads N          of the engines that run on the CPU (1)
  --json FILE          everything, for machines; written as it is measured
  --from FILE          prints the tables of such a file, and measures nothing`;

const MODELS: readonly ModelName[] = ['nano', 't'];

/** @throws {Error} naming the option that cannot be used */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      models: { type: 'string', default: MODELS.join() },
      batches: { type: 'string', default: '1,4,16' },
      engines: { type: 'string' },
      rounds: { type: 'string', default: '15' },
      budget: { type: 'string', default: '20' },
      threads: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '55' },
      json: { type: 'string' },
      from: { type: 'string' },
    },
  });
  const list = (text: string) => text.split(',').filter((entry) => entry !== '');
  const whole = (name: string, text: string): number => {
    const number = Number(text);
    if (Number.isInteger(number) && number > 0) return number;
    throw new Error(`--${name} takes whole numbers above zero, not "${text}".\n${USAGE}`);
  };
  const models = list(values.models).map((name) => {
    const model = MODELS.find((known) => known === name);
    if (!model) throw new Error(`There is no model "${name}".\n${USAGE}`);
    return model;
  });
  const batches = list(values.batches).map((text) => whole('batches', text));
  if (models.length === 0 || batches.length === 0) throw new Error(`Nothing to measure.\n${USAGE}`);
  return {
    models,
    batches,
    engines: values.engines === undefined ? undefined : list(values.engines),
    rounds: whole('rounds', values.rounds),
    budget: whole('budget', values.budget),
    threads: whole('threads', values.threads),
    minutes: whole('minutes', values.minutes),
    json: values.json,
    from: values.from,
  };
}
