import { readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { type Network, networkOf, selectOutputs } from '@swinface/core';
import { readModelFile } from '@swinface/core/node';
import { runReference } from '@swinface/core/reference';
import { golden, syntheticInput } from '@swinface/testing';
import { inRepo, say, UserError } from '../scripts/lib/repo.mjs';
import { type BenchPage, openBenchPage } from './browser.js';
import { Clock } from './clock.js';
import { measureModel } from './measure.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { convolutional, perFace } from './page/convolutional.js';
import type { ModelName } from './page/main.js';
import type { Peak } from './page/peak.js';
import { type Expected, expectedOutputs } from './report/check.js';
import { reportText } from './report/text.js';
import type { BenchReport, ModelReport } from './report/types.js';

/** npm moves to the root; paths are meant from where the person stands. */
const whereMeant = (path: string): string => resolve(process.env.INIT_CWD ?? '.', path);

/** Measures and reports, or reports what was measured; gives the exit code. */
export async function main(
  args: readonly string[],
  findBrowser: (name: Options['browser']) => Promise<string>,
  progress: (line: string) => void,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  try {
    return await report(parseOptions(args), findBrowser, progress);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    say.fail(error.message);
    return 1;
  }
}

async function report(
  options: Options,
  findBrowser: (name: Options['browser']) => Promise<string>,
  progress: (line: string) => void,
) {
  const measured =
    options.from === undefined
      ? await measure(options, await findBrowser(options.browser), progress)
      : (JSON.parse(await readFile(whereMeant(options.from), 'utf8')) as BenchReport);
  console.log(reportText(measured));
  return measured.passed ? 0 : 1;
}

async function measure(options: Options, program: string, progress: (line: string) => void): Promise<BenchReport> {
  const clock = new Clock(60_000 * options.minutes);
  const load = loadavg()[0] ?? 0;
  const page = await openBenchPage(options.browser, program);
  try {
    const known = await page.call('contestants');
    const engines = options.engines ?? known;
    const unknown = engines.filter((id) => !known.includes(id));
    if (unknown.length > 0)
      throw new UserError(`There is no engine ${unknown.join(', ')}; there are ${known.join(', ')}.`);
    const peak = engines.some((id) => id.includes('webgpu')) ? await page.call('peak') : undefined;
    const done: ModelReport[] = [];
    const report = (models: readonly ModelReport[]) => reportOf(models, options, page, load, peak, clock);
    // Written as it grows: a run that is stopped leaves what it has measured.
    const save = async (soFar: ModelReport) => {
      if (options.json === undefined) return;
      const path = whereMeant(options.json);
      // In two steps, so that there is a whole file whenever the run is stopped.
      await writeFile(`${path}.part`, `${JSON.stringify(report([...done, soFar]), null, 2)}\n`);
      await rename(`${path}.part`, path);
    };
    for (const [index, model] of options.models.entries()) {
      const share = clock.left / (options.models.length - index);
      done.push(
        await measureModel({
          page,
          model,
          engines,
          options,
          peak,
          clock,
          reserved: clock.left - share,
          rightAnswers: () => rightAnswers(model),
          progress,
          onChange: save,
        }),
      );
    }
    return report(done);
  } finally {
    await page.close();
  }
}

function reportOf(
  models: readonly ModelReport[],
  { threads, rounds, budget, minutes }: Options,
  { version, foreignRequests }: BenchPage,
  load: number,
  peak: Peak | undefined,
  clock: Clock,
): BenchReport {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString(),
    machine: {
      cpu: cpu?.model ?? 'unknown CPU',
      cores: cpus().length,
      memoryBytes: totalmem(),
      browser: version,
      load,
    },
    threads,
    rounds,
    budgetSeconds: budget,
    minutes,
    seconds: Math.round(clock.spent / 1000),
    peak,
    models,
    foreignRequests,
    passed:
      foreignRequests.length === 0 &&
      models.every(
        ({ cells, leftOut }) =>
          cells.length > 0 && cells.every(({ parity }) => parity.passed) && !leftOut.some(({ failed }) => failed),
      ),
  };
}

/** SwinFace-T's golden outputs; for networks whose weights are real, the float64 reference. */
async function rightAnswers(model: ModelName): Promise<Expected> {
  if (model === 't') {
    const { config, outputs } = await golden('swinface-t');
    return expectedOutputs(selectOutputs(config), outputs);
  }
  if (model !== 'nano') {
    const { network, weights } = await convolutional(model, (file) => readFile(inRepo(`models/${file}`)));
    const outputs = runReference(network, weights, twoPictures(network));
    const numbers = Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
    const rows = perFace(network, numbers, 2);
    return { embeddings: [rows.slice(0, rows.length / 2), rows.slice(rows.length / 2)], logits: [[], []] };
  }
  const { manifest, weights } = await readModelFile(inRepo('models/swinface-nano.json'));
  const network = networkOf(selectOutputs(manifest.config));
  const { embedding, logits } = runReference(network, weights, twoPictures(network));
  const rows = (data: Float64Array | undefined) => {
    const width = (data?.length ?? 0) / 2;
    return [0, 1].map((face) => [...(data?.subarray(face * width, (face + 1) * width) ?? [])]);
  };
  return { embeddings: rows(embedding?.data), logits: rows(logits?.data) };
}

/** What every batch alternates between. */
function twoPictures({ input: { channels, height, width } }: Network) {
  return syntheticInput('input', [2, channels, height, width]);
}
