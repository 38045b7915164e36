import type { Settings } from './options.js';
import type { Runner, RunnerEvents } from './runner/runner.js';
import type { Chosen } from './types.js';

/**
 * Opens a runner where the option `thread` wants it. Each kind's code is loaded only when it is used: a page that works
 * in the worker loads neither network nor locators itself.
 *
 * @throws as `FaceAnalyzer.create`
 */
export async function openRunner(settings: Settings, signal: AbortSignal, events: RunnerEvents): Promise<Runner> {
  const here = async (reason?: string): Promise<Runner> => {
    const thread: Chosen<'main'> = { kind: 'main', description: "the caller's thread", ...(reason ? { reason } : {}) };
    const { LocalRunner } = await import('./local/local-runner.js');
    return LocalRunner.open(settings, signal, events, thread);
  };
  if (settings.thread === 'main') return here();
  if (settings.thread === 'auto' && typeof Worker !== 'function') return here('There are no workers here.');
  const { WorkerRunner, WorkerStartError } = await import('./worker/client.js');
  try {
    return await WorkerRunner.open(settings, signal, events);
  } catch (error) {
    if (!(error instanceof WorkerStartError) || settings.thread === 'worker') throw error;
    return here(error.message);
  }
}
