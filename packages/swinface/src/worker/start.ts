import { SwinFaceError, UnsupportedDeviceError } from '@swinface/core';
import { untilAborted } from '@swinface/core/internal';
import { type Remote, releaseProxy, wrap } from 'comlink';
import { type AnalyzerWorker, READY } from './protocol.js';

/** The worker could not be started: the work may still be done elsewhere. */
export class WorkerStartError extends UnsupportedDeviceError {}

/** A worker with an open port, and how it fails. */
export interface StartedWorker {
  readonly remote: Remote<AnalyzerWorker>;
  /** Resolves when it breaks, or is ended by the browser. */
  readonly broken: Promise<SwinFaceError>;
  /** Aborts when it is ended: `remote` throws from then on. */
  readonly ended: AbortSignal;
  /** Ends it, and with it everything it holds. */
  end(): void;
}

/**
 * Starts the worker and waits until its service answers.
 *
 * @param address by default the file beside this one
 */
export async function startWorker(address: string | undefined, signal: AbortSignal): Promise<StartedWorker> {
  let worker: Worker;
  try {
    // Spelt out so that bundlers see it, find the file, and bundle it.
    worker =
      address === undefined
        ? new Worker(new URL('../worker.js', import.meta.url), { type: 'module', name: 'swinface' })
        : new Worker(address, { type: 'module', name: 'swinface' });
  } catch (cause) {
    throw startError(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const remote = wrap<AnalyzerWorker>(worker);
  const listening = new AbortController();
  const ready = new Promise<void>((resolve) => {
    const listen = ({ data }: MessageEvent) => {
      if (data === READY) resolve();
    };
    worker.addEventListener('message', listen, { signal: listening.signal });
  });
  const end = () => {
    if (listening.signal.aborted) return;
    // Without this the listeners and comlink's table of pending calls keep each other, and all that was posted, alive.
    listening.abort();
    remote[releaseProxy]();
    worker.terminate();
  };
  let running = false;
  const { signal: listened } = listening;
  let report: (message: string) => void = () => {};
  const broken = new Promise<SwinFaceError>((resolve) => {
    report = (message) => {
      resolve(
        running
          ? new SwinFaceError('INTERNAL', `The worker broke: ${message}.`, {
              hint: 'The next call starts another one.',
            })
          : startError(message),
      );
      worker.terminate();
    };
    worker.addEventListener(
      'error',
      (event) => {
        event.preventDefault();
        report(event.message || 'its script could not be loaded');
      },
      { signal: listened },
    );
    worker.addEventListener('messageerror', () => report('a message could not be read'), { signal: listened });
  });
  try {
    await untilAborted(Promise.race([ready, rejection(broken)]), signal);
  } catch (error) {
    end();
    throw error;
  }
  running = true;
  void reportDeath(remote, listened, report);
  return { remote, broken, ended: listened, end };
}

const startError = (message: string, cause?: unknown) =>
  new WorkerStartError('The worker did not start.', {
    actual: message,
    hint: 'Serve its script from this origin, or name its address in the option "assets"; a Content-Security-Policy needs worker-src \'self\'.',
    cause,
  });

/** Rejects with what a promise of an error resolves to. */
export const rejection = (error: Promise<SwinFaceError>): Promise<never> =>
  error.then((reason) => Promise.reject(reason));

/**
 * Notices that the worker is gone. No event says so when a browser ends it for its memory, or it closes itself; but the lock
 * that it holds is free then, and the page, which waits for it, gets it. Where there are no locks it goes unnoticed.
 */
async function reportDeath(
  remote: Remote<AnalyzerWorker>,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const name = `swinface worker ${Math.random()}`;
  if (!globalThis.navigator?.locks || !(await remote.hold(name)) || signal.aborted) return;
  await navigator.locks.request(name, { signal }, () => report('it was ended')).catch(() => undefined);
}
