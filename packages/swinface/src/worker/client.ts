import type { CapturedImage, FivePoints } from '@swinface/alignment';
import type { Manifest, SwinFaceError } from '@swinface/core';
import { untilAborted } from '@swinface/core/internal';
import { transfer } from 'comlink';
import type { Settings } from '../options.js';
import { Gate } from '../runner/gate.js';
import type {
  CropResult,
  FrameWatcher,
  PictureResult,
  Runner,
  RunnerEvents,
  WatchedFrame,
  WatchOptions,
} from '../runner/runner.js';
import type { Chosen, EngineKind, FaceExplanation, Timings } from '../types.js';
import type { Answer, PostedPicture } from './protocol.js';
import { openSession, unwrap, type WorkerSession } from './session.js';
import { rejection } from './start.js';

export { WorkerStartError } from './start.js';

/** Pictures decoded for the worker ahead of its answers; as many as it works at together. */
const PICTURES_POSTED = 2;

/**
 * Does everything in a worker. Pictures are captured here, where their elements live, and transferred. When the worker
 * breaks, or the browser ends it, the calls that wait for it fail, and the next call starts another one.
 */
export class WorkerRunner implements Runner {
  readonly thread = { kind: 'worker', description: 'a worker' } as const;
  readonly failed: Promise<SwinFaceError>;
  readonly #settings: Settings;
  readonly #events: RunnerEvents;
  readonly #gate = new Gate(PICTURES_POSTED);
  readonly #life = new AbortController();
  /** Opened last; the one that works, unless its worker is gone. */
  #last: WorkerSession;
  /** The one that works, or will; undefined once it is gone. */
  #session: Promise<WorkerSession> | undefined;
  #fail: (error: SwinFaceError) => void = () => {};
  /** Number of the last call, or of the last watcher. */
  #number = 0;

  private constructor(settings: Settings, events: RunnerEvents, session: WorkerSession) {
    this.#settings = settings;
    this.#events = events;
    this.#last = session;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#session = Promise.resolve(this.#adopt(session));
  }

  /**
   * Starts a worker and opens a runner in it.
   *
   * @throws {WorkerStartError} if the worker does not start
   * @throws as `FaceAnalyzer.create` otherwise; the worker is gone then
   */
  static async open(settings: Settings, signal: AbortSignal, events: RunnerEvents): Promise<WorkerRunner> {
    return new WorkerRunner(settings, events, await openSession(settings, signal, events));
  }

  get engine(): Chosen<EngineKind> {
    return this.#last.facts.engine;
  }

  get locator(): Chosen<string> | undefined {
    return this.#last.facts.locator;
  }

  get manifest(): Manifest {
    return this.#last.facts.manifest;
  }

  get outputs(): readonly string[] {
    return this.#last.facts.outputs;
  }

  async analyze(
    source: CapturedImage,
    points: readonly FivePoints[] | undefined,
    signal: AbortSignal,
  ): Promise<PictureResult> {
    const { result, decode } = await this.#post(source, signal, ({ remote }, call, picture) =>
      remote.analyze(call, picture, points),
    );
    return { ...result, timings: withDecode(result.timings, decode) };
  }

  async analyzeAligned(crop: CapturedImage, signal: AbortSignal): Promise<CropResult> {
    const { result, decode } = await this.#post(crop, signal, ({ remote }, call, picture) =>
      remote.analyzeAligned(call, picture),
    );
    return { ...result, timings: withDecode(result.timings, decode) };
  }

  async explain(
    source: CapturedImage,
    tasks: readonly string[],
    points: FivePoints | undefined,
    signal: AbortSignal,
  ): Promise<FaceExplanation | undefined> {
    const { result } = await this.#post(source, signal, ({ remote }, call, picture) =>
      remote.explain(call, picture, tasks, points),
    );
    return result;
  }

  watch(options: WatchOptions): FrameWatcher {
    const number = ++this.#number;
    /** Where the watcher was made. A worker that took another's place has none. */
    let home: WorkerSession | undefined;
    return {
      look: async (source, time, signal): Promise<WatchedFrame> => {
        const { result, decode } = await this.#post(source, signal, (session, call, picture) => {
          if (home !== session) void session.remote.watch(number, options);
          home = session;
          return session.remote.look(call, number, picture, time);
        });
        return { ...result, timings: withDecode(result.timings, decode) };
      },
      close: () => {
        if (home && !home.ended.aborted) void home.remote.unwatch(number);
      },
    };
  }

  /** Decodes a picture, unless it is a file, and calls the worker with it; an abort is passed on. */
  async #post<R>(
    source: CapturedImage,
    signal: AbortSignal,
    call: (session: WorkerSession, number: number, picture: PostedPicture) => Promise<Answer<R>>,
  ): Promise<{ readonly result: R; readonly decode: number }> {
    const leave = await this.#gate.enter(signal);
    const number = ++this.#number;
    let cancel = () => {};
    try {
      const session = await untilAborted(this.#opened(), signal);
      const start = performance.now();
      const picture = await posted(source, session.facts.maxSide, signal);
      const decode = performance.now() - start;
      if (session.ended.aborted) {
        if ('pixels' in picture) picture.pixels.close();
        signal.throwIfAborted();
        throw await session.broken;
      }
      const answer = call(session, number, transfer(picture, 'file' in picture ? [] : [picture.pixels]));
      cancel = () => {
        if (!session.ended.aborted) void session.remote.cancel(number);
      };
      signal.addEventListener('abort', cancel, { once: true });
      return { result: unwrap(await Promise.race([answer, rejection(session.broken)])), decode };
    } finally {
      signal.removeEventListener('abort', cancel);
      leave();
    }
  }

  /** The session that works; another one where its worker is gone. */
  #opened(): Promise<WorkerSession> {
    if (this.#session) return this.#session;
    const opening = openSession(this.#settings, this.#life.signal, this.#events).then((session) =>
      this.#adopt(session),
    );
    this.#session = opening;
    opening.catch(() => {
      if (this.#session === opening) this.#session = undefined;
    });
    return opening;
  }

  #adopt(session: WorkerSession): WorkerSession {
    this.#last = session;
    void session.failed.then((error) => this.#fail(error));
    void session.broken.then(() => {
      session.end();
      if (this.#last === session) this.#session = undefined;
    });
    return session;
  }

  dispose(): void {
    this.#life.abort();
    this.#last.end();
  }
}

/** A picture as the worker can have it: a file is decoded there, and is not copied on the way. */
async function posted(
  captured: CapturedImage,
  maxSide: number | undefined,
  signal: AbortSignal,
): Promise<PostedPicture> {
  if (captured.file) return { file: captured.file };
  const { pixels, width, height } = await captured.decode({ signal, ...(maxSide === undefined ? {} : { maxSide }) });
  return { pixels, width, height };
}

const withDecode = (timings: Timings, milliseconds: number): Timings => ({
  ...timings,
  decode: timings.decode + milliseconds,
  total: timings.total + milliseconds,
});
