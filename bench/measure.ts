import type { KernelTime } from '@swinface/core/webgpu';
import type { BenchPage } from './browser.js';
import { type Clock, OutOfTime } from './clock.js';
import type { Options } from './options.js';
import type { Measured, ModelName, Opened } from './page/main.js';
import type { Peak } from './page/peak.js';
import { type Candidate, planRounds } from './plan.js';
import { checkOutputs, type Expected } from './report/check.js';
import { roofline } from './report/roofline.js';
import { spread } from './report/statistics.js';
import type { Cell, LeftOut, ModelReport, Roofline } from './report/types.js';

/** Profiles of an engine at one batch size; of one that takes long, a single one. */
const PROFILES = 3;
const LONG = 5000;

/** Of the time that is left, what plans spend: runs take longer than expected, too. */
const PLANNED = 0.95;

/** What the measuring of one model is given. */
export interface Assignment {
  readonly page: BenchPage;
  readonly model: ModelName;
  readonly engines: readonly string[];
  readonly options: Options;
  readonly peak: Peak | undefined;
  readonly clock: Clock;
  /** Of the clock's time, what this model leaves to the next ones, milliseconds. */
  readonly reserved: number;
  readonly rightAnswers: () => Promise<Expected>;
  readonly progress: (line: string) => void;
  /** Called whenever there is something new. */
  readonly onChange: (soFar: ModelReport) => Promise<void>;
}

/** Measures every engine at every batch size, as far as the time allows; what is left out is said. */
export async function measureModel(assignment: Assignment): Promise<ModelReport> {
  const run = new ModelRun(assignment);
  try {
    await run.measure();
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error;
    await run.leaveOutTheRest(error.message);
  }
  return run.report;
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toPrecision(2)} s`;
const messageOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n')[0] ?? '') : `${error}`;

class ModelRun {
  readonly #given: Assignment;
  readonly #engines: Record<string, Opened> = {};
  readonly #cells: Cell[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #rooflines: Roofline[] = [];
  /** Milliseconds per face at the largest batch size so far. */
  readonly #perFace = new Map<string, number>();
  #gigaflopPerFace = 0;

  constructor(given: Assignment) {
    this.#given = given;
  }

  get report(): ModelReport {
    return {
      model: this.#given.model,
      gigaflopPerFace: this.#gigaflopPerFace,
      engines: this.#engines,
      cells: this.#cells,
      leftOut: this.#leftOut,
      rooflines: this.#rooflines,
    };
  }

  async measure(): Promise<void> {
    const { model, engines, options, peak, rightAnswers } = this.#given;
    this.#say('computing what is right');
    const expected = await rightAnswers();
    await this.#call('load', model, Math.max(...options.batches), options.threads);
    this.#gigaflopPerFace = (await this.#call('costs', 1)).reduce((sum, { flops }) => sum + flops, 0) / 1e9;
    for (const id of engines) await this.#open(id);
    const batches = [...options.batches].sort((a, b) => a - b);
    for (const [index, batch] of batches.entries()) await this.#batch(batch, batches.slice(index), expected);
    if (peak) for (const batch of batches) await this.#profile(batch, peak);
    for (const id of this.#perFace.keys()) await this.#call('close', id);
  }

  async leaveOutTheRest(reason: string): Promise<void> {
    for (const batch of this.#given.options.batches) {
      for (const engine of this.#missing(batch)) this.#leftOut.push({ engine, batch, reason, failed: false });
    }
    await this.#given.onChange(this.report);
  }

  #say(line: string): void {
    const { progress, model, clock } = this.#given;
    progress(`${(clock.spent / 60_000).toFixed(1)} min  ${model}: ${line}`);
  }

  readonly #call: BenchPage['call'] = (name, ...args) => this.#given.clock.hold(this.#given.page.call(name, ...args));

  async #open(id: string): Promise<void> {
    try {
      const opened = await this.#call('open', id);
      this.#engines[id] = opened;
      if ('skipped' in opened) return this.#say(`${id} skipped, ${opened.skipped}`);
      this.#perFace.set(id, opened.firstRun);
      this.#say(`${id} opened, first run ${seconds(opened.firstRun)}`);
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      const reason = `it could not be opened: ${messageOf(error)}`;
      this.#engines[id] = { skipped: reason };
      for (const batch of this.#given.options.batches) await this.#leaveOut(id, batch, reason, true);
    }
    await this.#given.onChange(this.report);
  }

  async #leaveOut(engine: string, batch: number, reason: string, failed: boolean): Promise<void> {
    this.#leftOut.push({ engine, batch, reason, failed });
    this.#say(`batch ${batch}, ${engine} left out: ${reason}`);
    await this.#given.onChange(this.report);
  }

  /** Engines that are open and have no cell at a batch size, nor a reason for having none. */
  #missing(batch: number): string[] {
    const done = (entries: readonly { readonly engine: string; readonly batch: number }[], id: string) =>
      entries.some((entry) => entry.engine === id && entry.batch === batch);
    return [...this.#perFace.keys()].filter((id) => !done(this.#cells, id) && !done(this.#leftOut, id));
  }

  /** Rounds of the engines at a batch size, leaving time for the sizes that follow. */
  #plan(batch: number, batches: readonly number[], firsts: ReadonlyMap<string, Measured>) {
    const { options, clock, reserved } = this.#given;
    const candidates = batches.flatMap((size) =>
      this.#missing(size).map((engine): Candidate => {
        const first = size === batch ? firsts.get(engine) : undefined;
        const expected = first?.milliseconds ?? size * (this.#perFace.get(engine) ?? 0);
        return { engine, batch: size, expected, started: first !== undefined };
      }),
    );
    const profiling = options.batches.reduce((sum, size) => sum + this.#profilingTime(size), 0);
    const planned = planRounds(candidates, {
      milliseconds: PLANNED * (clock.left - reserved) - profiling,
      rounds: options.rounds,
      cellMilliseconds: 1000 * options.budget,
    });
    const here = [...planned].filter(([candidate]) => candidate.batch === batch);
    return { rounds: new Map(here.map(([{ engine }, rounds]) => [engine, rounds])), here };
  }

  /** Everything at one batch size: who has rounds first, so that what runs once cannot hold it up. */
  async #batch(batch: number, batches: readonly number[], expected: Expected): Promise<void> {
    const firsts = new Map<string, Measured>();
    // What opening took, compilation included, foretells little: at the smallest size all that fit are tried.
    const foretold = this.#cells.length > 0;
    for (const [{ engine }, rounds] of this.#plan(batch, batches, firsts).here) {
      if (rounds !== undefined && (rounds > 0 || !foretold)) await this.#first(engine, batch, firsts);
    }
    await this.#rounds(batch, this.#plan(batch, batches, firsts).rounds, firsts, expected);
    for (const [{ engine, expected: time }] of this.#plan(batch, batches, firsts).here) {
      if (firsts.has(engine)) continue;
      // Planned anew before each: the ones before may have taken longer than was foretold.
      const { rounds } = this.#plan(batch, batches, firsts);
      if (rounds.get(engine) === undefined) {
        await this.#leaveOut(engine, batch, `one run takes about ${seconds(time)}, and the time was short`, false);
        continue;
      }
      await this.#first(engine, batch, firsts);
      await this.#finish(engine, batch, firsts.get(engine), [], expected);
    }
  }

  async #first(engine: string, batch: number, firsts: Map<string, Measured>): Promise<void> {
    const first = await this.#try(engine, batch, () => this.#call('run', engine, batch, true));
    if (!first) return;
    firsts.set(engine, first);
    this.#perFace.set(engine, first.milliseconds / batch);
    this.#say(`batch ${batch}, ${engine}: first run ${seconds(first.milliseconds)}`);
  }

  /** Undefined, and said, where the engine fails: the others go on. */
  async #try<T>(engine: string, batch: number, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      await this.#leaveOut(engine, batch, `it failed: ${messageOf(error)}`, true);
      return undefined;
    }
  }

  async #rounds(
    batch: number,
    planned: ReadonlyMap<string, number | undefined>,
    firsts: Map<string, Measured>,
    expected: Expected,
  ): Promise<void> {
    // In the order of the page, whatever their speed.
    const engines = this.#given.engines.filter((id) => firsts.has(id));
    const samples = new Map<string, number[]>(engines.map((id) => [id, []]));
    const most = Math.max(0, ...engines.map((id) => planned.get(id) ?? 0));
    for (let round = 0; round < most; round++) {
      // Another order each round, so that no engine always runs after the same other one.
      const turn = round % engines.length;
      for (const id of [...engines.slice(turn), ...engines.slice(0, turn)]) {
        if (round >= (planned.get(id) ?? 0) || !firsts.has(id)) continue;
        const again = await this.#try(id, batch, () => this.#call('run', id, batch, false));
        if (again) samples.get(id)?.push(again.milliseconds);
        else firsts.delete(id);
      }
    }
    for (const id of engines) await this.#finish(id, batch, firsts.get(id), samples.get(id) ?? [], expected);
  }

  async #finish(
    engine: string,
    batch: number,
    first: Measured | undefined,
    samples: readonly number[],
    expected: Expected,
  ): Promise<void> {
    if (!first) return;
    const measured = spread(samples.length > 0 ? samples : [first.milliseconds]);
    this.#perFace.set(engine, measured.median / batch);
    this.#cells.push({
      engine,
      batch,
      spread: measured,
      single: samples.length === 0,
      parity: checkOutputs(engine, expected, batch, first),
      calls: first.calls ?? { dispatches: 0, submits: 0, readbacks: 0 },
    });
    this.#say(`batch ${batch}, ${engine}: ${seconds(measured.median)}, n = ${measured.n}`);
    await this.#given.onChange(this.report);
  }

  /** Engines that can tell their kernels' times, and how often they are asked. */
  #profiles(batch: number): { readonly engine: string; readonly expected: number; readonly profiles: number }[] {
    return [...this.#perFace].flatMap(([engine, perFace]) => {
      const opened = this.#engines[engine];
      if (!opened || 'skipped' in opened || !opened.profiles) return [];
      const expected = perFace * batch;
      return [{ engine, expected, profiles: expected > LONG ? 1 : PROFILES }];
    });
  }

  #profilingTime(batch: number): number {
    if (!this.#given.peak) return 0;
    return this.#profiles(batch).reduce((sum, { expected, profiles }) => sum + expected * profiles, 0);
  }

  /** GPU time of every kernel, of the engines that can tell. */
  async #profile(batch: number, peak: Peak): Promise<void> {
    const { clock, reserved, onChange } = this.#given;
    const costs = await this.#call('costs', batch);
    for (const { engine, expected, profiles } of this.#profiles(batch)) {
      if (expected * profiles > clock.left - reserved) {
        this.#say(`batch ${batch}, ${engine}: no roofline, the time was short`);
        continue;
      }
      const taken: (readonly KernelTime[])[] = [];
      for (let run = 0; run < profiles; run++) taken.push(await this.#call('profile', engine, batch));
      // Each kernel's shortest: what others do meanwhile only ever adds.
      const kernels = (taken[0] ?? []).map(({ label }, i) => ({
        label,
        milliseconds: Math.min(...taken.map((profile) => profile[i]?.milliseconds ?? Number.POSITIVE_INFINITY)),
      }));
      const milliseconds = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
      const rows = roofline(kernels, costs, peak);
      this.#rooflines.push({ engine, batch, profiles, kernels: kernels.length, milliseconds, rows });
      this.#say(`batch ${batch}, ${engine}: ${kernels.length} kernels profiled, ${seconds(milliseconds)}`);
      await onChange(this.report);
    }
  }
}
