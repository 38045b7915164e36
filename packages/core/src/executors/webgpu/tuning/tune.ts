import type { Step } from '../build.js';
import type { Findings } from '../findings.js';
import { race } from './race.js';
import { agree, Trial, type TrialOptions } from './trial.js';

export interface TuneOptions extends TrialOptions {
  /** Kernels that have no finding, one by each identity. */
  readonly open: ReadonlyMap<string, Step>;
  /** The step in every other way that this device has, as they compile. */
  readonly others: (step: Step) => AsyncIterable<Step>;
  /** Of earlier times. */
  readonly known: Findings;
  /** Most milliseconds of measuring, besides compiling; what has begun is finished. */
  readonly budget: number;
  readonly signal: AbortSignal;
  /** Settles when nothing else wants the device. */
  readonly idle: () => Promise<void>;
}

/** What tuning did. */
export interface Tuned {
  /** The known findings and the new ones. */
  readonly findings: Findings;
  /** Whether every kernel has a finding; else the budget was spent first. */
  readonly complete: boolean;
}

/** A measurement shorter than this, in milliseconds, says more about the clock than about the kernel. */
const SHORTEST = 2;
/** Most runs in a row. */
const MOST = 256;

/**
 * Times the variants of every kernel that there is more than one way to compute, the ones that take longest first, and
 * says which is fastest. A variant that does not compile or disagrees with the default is out.
 *
 * @throws the signal's reason
 */
export async function tune(options: TuneOptions): Promise<Tuned> {
  const { open, known, budget } = options;
  const trial = new Trial(options);
  const findings = new Map(known);
  let spent = 0;
  const timed = async (step: Step | undefined, times: number): Promise<number> => {
    await ready(options);
    const milliseconds = await trial.time(step, times);
    spent += milliseconds;
    return milliseconds;
  };

  // What a submission costs by itself; the first also wakes the device.
  await timed(undefined, 0);
  const overhead = await timed(undefined, 0);

  const queue: { readonly identity: string; readonly step: Step; readonly milliseconds: number }[] = [];
  for (const [identity, step] of open) {
    if (spent < budget) queue.push({ identity, step, milliseconds: await timed(step, 1) });
  }
  queue.sort((a, b) => b.milliseconds - a.milliseconds);

  let done = 0;
  for (const { identity, step } of queue) {
    if (spent >= budget) break;
    const contenders = await eligible(step, trial, options);
    // As many runs in a row as make a time that is the kernel's and not the submission's.
    let times = 1;
    let time = await timed(step, times);
    while (times < MOST && time < 3 * overhead + SHORTEST) {
      times *= 4;
      time = await timed(step, times);
    }
    const runners: [Step, ...Step[]] = [step];
    for (const other of contenders) {
      // Who takes as long for one run as the default for all of them is not run so often.
      if (times === 1 || (await timed(other, 1)) < time) runners.push(other);
    }
    const winner = await race(runners, (runner) => timed(runner, times));
    findings.set(identity, winner.variant.name);
    done++;
  }
  return { findings, complete: done === open.size };
}

/** Waits until no run needs the device; throws where the program was disposed of meanwhile. */
async function ready({ idle, signal }: TuneOptions): Promise<void> {
  await idle();
  signal.throwIfAborted();
}

/** The step as each other variant would compute it that gives the same. */
async function eligible(step: Step, trial: Trial, options: TuneOptions): Promise<Step[]> {
  await ready(options);
  trial.prepare(step);
  const expected = await trial.outcome(step);
  const contenders: Step[] = [];
  for await (const other of options.others(step)) {
    await ready(options);
    // A run in between may have changed what the step reads.
    trial.prepare(step);
    const half = other.variant.shader.enable?.includes('shader-f16') ?? false;
    if (agree(await trial.outcome(other), expected, half)) contenders.push(other);
  }
  return contenders;
}
