import type { SwinFaceError } from '@swinface/core';
import { untilAborted } from '@swinface/core/internal';
import { type Remote, transfer } from 'comlink';
import type { Settings } from '../options.js';
import type { RunnerEvents } from '../runner/runner.js';
import { unpackError } from './errors.js';
import type { AnalyzerWorker, Answer, RunnerFacts, WorkerEvent } from './protocol.js';
import { rejection, startWorker } from './start.js';

/** A runner that is open in a worker. */
export interface WorkerSession {
  readonly remote: Remote<AnalyzerWorker>;
  /** Resolves when the worker breaks or is ended; nothing it was asked is answered any more. */
  readonly broken: Promise<SwinFaceError>;
  /** Aborts when the worker is ended: `remote` throws from then on. */
  readonly ended: AbortSignal;
  /** Resolves when its runner can compute nothing more, with the reason. */
  readonly failed: Promise<SwinFaceError>;
  /** Other facts after the device was lost and another engine took over. */
  readonly facts: RunnerFacts;
  /** Ends the worker, and with it everything it holds. */
  end(): void;
}

/**
 * Starts a worker and opens a runner in it.
 *
 * @throws {WorkerStartError} if the worker does not start
 * @throws as `FaceAnalyzer.create` otherwise; the worker is gone then
 */
export async function openSession(
  settings: Settings,
  signal: AbortSignal,
  events: RunnerEvents,
): Promise<WorkerSession> {
  const { remote, broken, ended, end: endWorker } = await startWorker(settings.assets.worker, signal);
  let facts: RunnerFacts | undefined;
  let fail: (error: SwinFaceError) => void = () => {};
  const failed = new Promise<SwinFaceError>((resolve) => {
    fail = resolve;
  });
  // A port of its own, which can be closed: left open it would keep all of this alive after the worker's end.
  const { port1, port2 } = new MessageChannel();
  const end = () => {
    endWorker();
    port1.close();
  };
  port1.onmessage = ({ data: event }: MessageEvent<WorkerEvent>) => {
    if ('progress' in event) {
      if (!facts && !signal.aborted) events.onProgress(event.progress);
    } else if ('failed' in event) fail(unpackError(event.failed) as SwinFaceError);
    else {
      const { device, maxSide } = event;
      if (facts && device.state === 'restored') facts = { ...facts, engine: device.engine, maxSide };
      events.onDeviceChange(device);
    }
  };
  try {
    const posted = { ...settings, device: undefined };
    const opening: Promise<Answer<RunnerFacts>> = remote.open(0, posted, transfer(port2, [port2]));
    const opened = await untilAborted(Promise.race([opening.then(unwrap), rejection(broken)]), signal);
    facts = opened;
    return {
      remote,
      broken,
      ended,
      failed,
      get facts() {
        return facts ?? opened;
      },
      end,
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** @throws the error that came as an answer, as the class it was */
export function unwrap<R>(answer: Answer<R>): R {
  if ('error' in answer) throw unpackError(answer.error);
  return answer.value;
}
