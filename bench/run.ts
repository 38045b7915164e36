import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { assembleWeights, type HostTensor, parseManifest, readWeights, selectOutputs } from '@swinface/core';
import { runReference } from '@swinface/core/reference';
import type { KernelTime } from '@swinface/core/webgpu';
import { golden, syntheticInput } from '@swinface/testing';
import { type BenchPage, openBenchPage } from './browser.js';
import { type Options, parseOptions } from './options.js';
import type { Measured, ModelName, Opened } from './page/main.js';
import type { Peak } from './page/peak.js';
import { checkOutputs, type Expected, expectedOutputs } from './report/check.js';
import { roofline } from './report/roofline.js';
import { spread } from './report/statistics.js';
import { reportText } from './report/text.js';
import type { BenchReport, Cell, ModelReport, Roofline } from './report/types.js';

/** Profiles of an engine at one batch size. */
const PROFILES = 3;

/** Measures and reports; gives the exit code. */
export async function main(
  args: readonly string[],
  chromium: string,
  progress: (line: string) => void,
): Promise<number> {
  const options = parseOptions(args);
  const load = loadavg()[0] ?? 0;
  const page = await openBenchPage(chromium);
  try {
    const known = await page.call('contestants');
    const engines = options.engines ?? known;
    const unknown = engines.filter((id) => !known.includes(id));
    if (unknown.length > 0) throw new Error(`There is no engine ${unknown.join(', ')}; there are ${known.join(', ')}.`);
    const peak = engines.some((id) => id.includes('webgpu')) ? await page.call('peak') : undefined;
    const done: ModelReport[] = [];
    const report = (models: readonly ModelReport[]) => reportOf(models, options, page, load, peak);
    // Written as it grows: a run that is stopped leaves what it has measured.
    const save = async (models: readonly ModelReport[]) => {
      if (options.json === undefined) return;
      // npm moves to the root; paths are meant from where the person stands.
      const path = resolve(process.env.INIT_CWD ?? '.', options.json);
      await writeFile(path, `${JSON.stringify(report(models), null, 2)}\n`);
    };
    for (const model of options.models) {
      const onBatch = (soFar: ModelReport) => save([...done, soFar]);
      done.push(await measureModel(page, model, engines, options, peak, progress, onBatch));
    }
    console.log(reportText(report(done)));
    return report(done).passed ? 0 : 1;
  } finally {
    await page.close();
  }
}

function reportOf(
  models: readonly ModelReport[],
  { threads, rounds, budget }: Options,
  { version, foreignRequests }: BenchPage,
  load: number,
  peak: Peak | undefined,
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
    peak,
    models,
    foreignRequests,
    passed:
      foreignRequests.length === 0 &&
      models.every(({ cells }) => cells.length > 0 && cells.every(({ parity }) => parity.passed)),
  };
}

async function measureModel(
  page: BenchPage,
  model: ModelName,
  engines: readonly string[],
  options: Options,
  peak: Peak | undefined,
  progress: (line: string) => void,
  onBatch: (soFar: ModelReport) => Promise<void>,
): Promise<ModelReport> {
  progress(`${model}: computing what is right`);
  const expected = await rightAnswers(model);
  await page.call('load', model, Math.max(...options.batches), options.threads);
  const opened: Record<string, Opened> = {};
  for (const id of engines) {
    progress(`${model}: opening ${id}`);
    opened[id] = await page.call('open', id);
  }
  const contestants = engines.filter((id) => !('skipped' in (opened[id] ?? { skipped: '' })));
  const cells: Cell[] = [];
  const rooflines: Roofline[] = [];
  const flops = (await page.call('costs', 1)).reduce((sum, cost) => sum + cost.flops, 0);
  const soFar: ModelReport = { model, gigaflopPerFace: flops / 1e9, engines: opened, cells, rooflines };
  for (const batch of options.batches) {
    cells.push(
      ...(await measureBatch(page, contestants, batch, expected, options, (line) => progress(`${model}: ${line}`))),
    );
    if (peak) rooflines.push(...(await measureRooflines(page, contestants, batch, peak)));
    await onBatch(soFar);
  }
  for (const id of contestants) await page.call('close', id);
  return soFar;
}

/** GPU time of every kernel, of the engines that can tell. */
async function measureRooflines(page: BenchPage, engines: readonly string[], batch: number, peak: Peak) {
  const costs = await page.call('costs', batch);
  const rooflines: Roofline[] = [];
  for (const engine of engines) {
    const profiles: (readonly KernelTime[])[] = [];
    for (let run = 0; run < PROFILES; run++) profiles.push(await page.call('profile', engine, batch));
    // Each kernel's shortest: what others do meanwhile only ever adds.
    const kernels = (profiles[0] ?? []).map(({ label }, i) => ({
      label,
      milliseconds: Math.min(...profiles.map((profile) => profile[i]?.milliseconds ?? Number.POSITIVE_INFINITY)),
    }));
    if (kernels.length === 0) continue;
    const milliseconds = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
    rooflines.push({ engine, batch, kernels: kernels.length, milliseconds, rows: roofline(kernels, costs, peak) });
  }
  return rooflines;
}

/** Every engine once, checked; then all of them in turn, round after round, each as long as its budget lasts. */
async function measureBatch(
  page: BenchPage,
  engines: readonly string[],
  batch: number,
  expected: Expected,
  { rounds, budget }: Options,
  progress: (line: string) => void,
): Promise<Cell[]> {
  const firsts = new Map<string, Measured>();
  const samples = new Map<string, number[]>(engines.map((id) => [id, []]));
  for (const id of engines) {
    const first = await page.call('run', id, batch, true);
    firsts.set(id, first);
    progress(`batch ${batch}, ${id}: first run ${first.milliseconds.toFixed(0)} ms`);
  }
  for (let round = 0; round < rounds; round++) {
    // Another order each round, so that nobody always runs behind the same neighbour.
    const order = [...engines.slice(round % engines.length), ...engines.slice(0, round % engines.length)];
    for (const id of order) {
      const own = samples.get(id) ?? [];
      const first = firsts.get(id)?.milliseconds ?? 0;
      const spent = own.reduce((sum, value) => sum + value, first);
      const next = own.length > 0 ? Math.min(...own) : first;
      if (spent + next > 1000 * budget) continue;
      own.push((await page.call('run', id, batch, false)).milliseconds);
    }
  }
  return engines.map((engine): Cell => {
    const first = firsts.get(engine) as Measured;
    const own = samples.get(engine) ?? [];
    return {
      engine,
      batch,
      spread: spread(own.length > 0 ? own : [first.milliseconds]),
      cold: own.length === 0,
      parity: checkOutputs(engine, expected, batch, first),
      calls: first.calls ?? { dispatches: 0, submits: 0, readbacks: 0 },
    };
  });
}

/** SwinFace-T's golden outputs; for the default weights, the float64 reference. */
async function rightAnswers(model: ModelName): Promise<Expected> {
  if (model === 't') {
    const { config, outputs } = await golden('swinface-t');
    return expectedOutputs(selectOutputs(config), outputs);
  }
  const folder = new URL('../models/', import.meta.url);
  const manifest = parseManifest(JSON.parse(await readFile(new URL('swinface-nano.json', folder), 'utf8')));
  const weights = await readWeights(manifest, ({ file }) => readFile(new URL(file, folder)));
  const selection = selectOutputs(manifest.config);
  const { image } = manifest.config;
  const input: HostTensor = syntheticInput('input', [2, 3, image, image]);
  const { embedding, logits } = runReference(selection, assembleWeights(selection, weights), input);
  const rows = (data: Float64Array | undefined) => {
    const width = (data?.length ?? 0) / 2;
    return [0, 1].map((face) => [...(data?.subarray(face * width, (face + 1) * width) ?? [])]);
  };
  return { embeddings: rows(embedding?.data), logits: rows(logits?.data) };
}
