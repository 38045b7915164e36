import { ModelDownloadError } from '../../errors.js';
import { backoff, LONGEST_RETRY_AFTER, pause, retryAfter } from './backoff.js';
import { PartialBody } from './partial-body.js';

/** Requests in a row that may fail without bringing anything. */
const ATTEMPTS = 4;
/** An attempt that brought this much was no failure: a bad line gets large files through in the end. */
const WORTHWHILE_BYTES = 64 * 2 ** 10;
/** Without a byte for this many milliseconds a connection counts as broken. */
const PATIENCE = 30_000;
/** Answers that may be better next time; as are all from 500 on. */
const TEMPORARY = [408, 425, 429];

export interface DownloadOptions {
  /** Bytes from which on the file is refused. */
  readonly limit: number;
  /** Length of the file where it is known: fewer mean that the connection broke. */
  readonly bytes?: number;
  readonly signal?: AbortSignal | undefined;
  /** What the browser's own HTTP cache may do. */
  readonly cache?: RequestCache;
  /** Requests in a row that may fail; 1: no second try. */
  readonly attempts?: number;
  /** Milliseconds without a byte after which an attempt is given up. */
  readonly patience?: number;
  /** Receives how many bytes of the file are here; fewer than before where a server could not go on and began again. */
  readonly onProgress?: ((received: number) => void) | undefined;
}

/** Why a file, or what was missing of it, did not come. */
export interface Failure {
  readonly message: string;
  readonly cause?: unknown;
  /** Whether asking again may help. */
  readonly temporary: boolean;
  /** Milliseconds after which the server wants to be asked again. */
  readonly after?: number | undefined;
}

/**
 * A file, whatever it takes: broken connections are taken up where they broke, temporary failures are waited out.
 *
 * @throws {ModelDownloadError} if it cannot be had, or is an HTML page
 * @throws {WeightsInvalidError} if it is longer than `limit`
 * @throws the signal's reason once it aborts
 */
export async function download(url: URL, options: DownloadOptions): Promise<Uint8Array> {
  const result = await tryDownload(url, options);
  if (result instanceof Uint8Array) return result;
  throw downloadError(url, result);
}

/** As {@link download}, for callers who know what to do without the file. */
export async function tryDownload(url: URL, options: DownloadOptions): Promise<Uint8Array | Failure> {
  const { limit, signal, attempts = ATTEMPTS } = options;
  const body = new PartialBody(url, limit);
  for (let failures = 0; ; ) {
    const before = body.size;
    const failure = await attempt(url, body, options);
    if (!failure) return body.take();
    signal?.throwIfAborted();
    failures = body.size - before >= WORTHWHILE_BYTES ? 1 : failures + 1;
    const hopeless = !failure.temporary || globalThis.navigator?.onLine === false;
    if (hopeless || failures >= attempts || (failure.after ?? 0) > LONGEST_RETRY_AFTER) return failure;
    await pause(failure.after ?? backoff(failures), signal);
  }
}

/** What the caller of the whole is told. */
export function downloadError(url: URL, { message, cause, after = 0 }: Failure): ModelDownloadError {
  return new ModelDownloadError(`${url.href} could not be loaded: ${message}.`, {
    hint:
      after > LONGEST_RETRY_AFTER
        ? `The server asks for ${Math.ceil(after / 60_000)} minutes of patience.`
        : 'Check the address and the connection, then try again.',
    cause,
  });
}

/** One request for what is missing. @returns undefined once all of it is there */
async function attempt(url: URL, body: PartialBody, options: DownloadOptions): Promise<Failure | undefined> {
  const { signal, cache = 'default', patience = PATIENCE, bytes, onProgress } = options;
  const idle = new IdleTimer(patience);
  const ends = AbortSignal.any(signal ? [signal, idle.signal] : [idle.signal]);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const response = await fetch(url, { headers: body.headersForRest(), cache, signal: ends }).catch(broken);
    if ('failure' in response) return response.failure;
    reader = response.body?.getReader();
    const refusal = refuse(response, body);
    if (refusal) return refusal;
    if (response.status === 200) body.restart(response);
    const start = body.size;
    while (reader) {
      const part = await reader.read().catch(broken);
      if ('failure' in part) return part.failure;
      if (part.done) break;
      idle.restart();
      body.append(part.value);
      onProgress?.(body.size);
    }
    // A file that is as short as the server says is the wrong file, which its reader finds out; else the line broke.
    const announced = response.headers.get('content-length');
    if (bytes !== undefined && body.size < bytes && announced !== String(body.size - start)) {
      return { message: `the connection ended after ${body.size} of ${bytes} bytes`, temporary: true };
    }
    return undefined;
  } finally {
    idle.stop();
    await reader?.cancel().catch(() => {}); // Nothing more is wanted of it, whatever the reason.
  }
}

const broken = (cause: unknown): { readonly failure: Failure } => ({
  failure: { message: 'the connection failed', cause, temporary: true },
});

/** Aborts when nothing has happened for a while. */
class IdleTimer {
  readonly #controller = new AbortController();
  readonly #patience: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(patience: number) {
    this.#patience = patience;
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.stop();
    const reason = () => new DOMException(`Nothing came for ${this.#patience} ms.`, 'TimeoutError');
    this.#timer = setTimeout(() => this.#controller.abort(reason()), this.#patience);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function refuse(response: Response, body: PartialBody): Failure | undefined {
  const { status, statusText, headers } = response;
  if (body.size > 0 && (status === 416 || (status === 206 && !body.isContinuedBy(response)))) {
    body.restart();
    return { message: 'the server answered with another part than the one asked for', temporary: true, after: 0 };
  }
  if (status !== 200 && !(status === 206 && body.size > 0)) {
    const temporary = status >= 500 || TEMPORARY.includes(status);
    return { message: `the server answered ${status} ${statusText}`.trim(), temporary, after: retryAfter(response) };
  }
  if (/^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get('content-type') ?? '')) {
    return { message: 'the server answered with an HTML page', temporary: false };
  }
  return undefined;
}
