import { join } from 'node:path';
import type { RunState, ValidationState } from '../engine/checkpoint.js';
import type { StepResult } from '../engine/step.js';
import { append } from '../files/durable.js';
import { EventLog } from './event-log.js';

/** Milliseconds between two progress lines. */
const INTERVAL = 10_000;

/** Where a run stands after a step. */
export interface Position {
  readonly state: RunState;
  /** Milliseconds spent training. */
  readonly elapsed: number;
  /** Share of the training that is done. */
  readonly progress: number;
}

/** Means of the losses between two progress lines. */
class LossMeter {
  readonly #sums = new Map<string, { sum: number; count: number }>();

  add(tasks: readonly string[], { losses, labelled }: StepResult): void {
    tasks.forEach((task, index) => {
      if (!labelled[index]) return;
      const entry = this.#sums.get(task) ?? { sum: 0, count: 0 };
      this.#sums.set(task, { sum: entry.sum + (losses[index] ?? Number.NaN), count: entry.count + 1 });
    });
  }

  take(): Record<string, number> {
    const means = Object.fromEntries([...this.#sums].map(([task, { sum, count }]) => [task, sum / count]));
    this.#sums.clear();
    return means;
  }
}

const minutes = (ms: number) => {
  const total = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, '0')}`;
};

/** The losses people watch, the attributes as one mean. */
function summarize(losses: Readonly<Record<string, number>>): string {
  const named = [
    ...['Age', 'Gender', 'Expression', 'Recognition', 'Relations'],
    ...['Identity', 'Identity matching', 'Identity annotation', 'Attribute annotation'],
  ];
  const shown = named.filter((task) => task in losses).map((task) => `${task} ${losses[task]?.toFixed(3)}`);
  const rest = Object.entries(losses).filter(([task]) => !named.includes(task));
  if (rest.length > 0) {
    const mean = rest.reduce((sum, [, loss]) => sum + loss, 0) / rest.length;
    shown.push(`attributes ${mean.toFixed(3)}`);
  }
  return shown.join('  ');
}

/** Prints how a run goes, and writes it to `log.jsonl` and for TensorBoard. */
export class Reporter {
  readonly #meter = new LossMeter();
  #printed = performance.now();

  private constructor(
    private readonly folder: string,
    private readonly events: EventLog,
    private readonly batch: number,
    private readonly print: (line: string) => void,
    private step: number,
  ) {}

  /**
   * @param folder of the run
   * @param batch faces per step
   * @param step where the sitting starts
   */
  static async create(folder: string, batch: number, step: number, print: (line: string) => void): Promise<Reporter> {
    return new Reporter(folder, await EventLog.create(folder), batch, print, step);
  }

  /** Takes the losses of a step into the next progress line. */
  learnt(tasks: readonly string[], result: StepResult): void {
    this.#meter.add(tasks, result);
  }

  /** A step whose loss or gradient was not finite. */
  async skipped({ step, skipped }: RunState, { total }: StepResult, norm: number): Promise<void> {
    this.print(`Step ${step}: loss ${total}, gradient norm ${norm}; skipped (${skipped} so far).`);
    await this.#log({ step, skipped, total: String(total), norm: String(norm) });
  }

  async validated(step: number, validation: ValidationState): Promise<void> {
    await this.#log({ step, validation });
  }

  /** A progress line every ten seconds and at the end of the schedule. */
  async progress({ state, elapsed, progress }: Position, rate: number, norm: number): Promise<void> {
    const now = performance.now();
    if (now - this.#printed <= INTERVAL && progress < 1) return;
    const facesPerSecond = ((state.step - this.step) * this.batch * 1000) / (now - this.#printed);
    const left = (elapsed / progress) * (1 - progress);
    const losses = this.#meter.take();
    await this.#log({ step: state.step, elapsed, progress, rate, norm, facesPerSecond, losses });
    const scalars = Object.entries(losses).map(([task, loss]) => [`loss/${task}`, loss] as const);
    await this.events.write(state.step, { rate, norm, facesPerSecond, ...Object.fromEntries(scalars) });
    this.print(
      `${(100 * progress).toFixed(1).padStart(5)} %  step ${state.step}  ${facesPerSecond.toFixed(1)} faces/s  ` +
        `${minutes(left)} left  ${summarize(losses)}`,
    );
    this.#printed = now;
    this.step = state.step;
  }

  #log(entry: Readonly<Record<string, unknown>>): Promise<void> {
    return append(join(this.folder, 'log.jsonl'), `${JSON.stringify(entry)}\n`);
  }
}
