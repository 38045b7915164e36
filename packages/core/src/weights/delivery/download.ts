import { anySignal } from '../../abort.js';
import { ModelDownloadError } from '../../errors.js';
import { backoff, LONGEST_RETRY_AFTER, pause, retryAfter } from './backoff.js';
import { PartialBody } from './partial-body.js';

/** Requests in a row that may fail without bringing anything; also how often a file's bytes may be sent in all. */
const ATTEMPTS = 4;
/** An attempt that brought this much beyond all before it was no failure: a bad line gets large files through in the end. */
const WORTHWHILE_BYTES = 64 * 2 ** 10;
/** Without a byte for this many milliseconds a connection counts as broken. */
const PATIENCE = 30_000;
/** In this many times its patience a connection must bring what is worthwhile: a server that drips is no better than a silent one. */
const PATIENCES_TO_WORTH = 4;
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
  /** What to do where the file cannot be had; by default to check address and connection. */
  readonly hint?: string | undefined;
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
  throw downloadError(url, result, options.hint);
}

/** As {@link download}, for callers who know what to do without the file. */
export async function tryDownload(url: URL, options: DownloadOptions): Promise<Uint8Array | Failure> {
  const { limit, signal, attempts = ATTEMPTS } = options;
  const body = new PartialBody(url, limit);
  // Progress is what goes beyond all that came before: a server that lets a file begin anew each time brings none.
  let worthwhile = WORTHWHILE_BYTES;
  for (let failures = 0; ; ) {
    const failure = await attempt(url, body, options);
    if (!failure) return body.take();
    signal?.throwIfAborted();
    failures = body.most >= worthwhile ? 1 : failures + 1;
    worthwhile = Math.max(worthwhile, body.most + WORTHWHILE_BYTES);
    const hopeless = !failure.temporary || globalThis.navigator?.onLine === false || body.received > ATTEMPTS * limit;
    if (hopeless || failures >= attempts || (failure.after ?? 0) > LONGEST_RETRY_AFTER) return failure;
    await pause(failure.after ?? backoff(failures), signal);
  }
}

/** The error for a file that did not come. @param hint what to do about it */
export function downloadError(
  url: URL,
  { message, cause, after = 0 }: Failure,
  hint = 'Check the address and the connection, then try again.',
): ModelDownloadError {
  return new ModelDownloadError(`${url.href} could not be loaded: ${message}.`, {
    hint: after > LONGEST_RETRY_AFTER ? `The server asks for ${Math.ceil(after / 60_000)} minutes of patience.` : hint,
    cause,
  });
}

/** One request for what is missing. @returns undefined once all of it is there */
async function attempt(url: URL, body: PartialBody, options: DownloadOptions): Promise<Failure | undefined> {
  const { signal, cache = 'default', patience = PATIENCE, bytes, onProgress } = options;
  const idle = new IdleTimer(patience);
  const ends = anySignal(signal, idle.signal);
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
      body.append(part.value);
      idle.restart(body.size - start);
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

/** Aborts when nothing has happened for a while, or too little for long. */
class IdleTimer {
  readonly #controller = new AbortController();
  readonly #patience: number;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #slowness: ReturnType<typeof setTimeout> | undefined;
  #worthwhile = 0;

  constructor(patience: number) {
    this.#patience = patience;
    this.restart(0);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param received bytes that this connection brought so far */
  restart(received: number): void {
    const abortAfter = (milliseconds: number, what: string) => {
      const reason = () => new DOMException(`${what} came for ${milliseconds} ms.`, 'TimeoutError');
      return setTimeout(() => this.#controller.abort(reason()), milliseconds);
    };
    clearTimeout(this.#silence);
    this.#silence = abortAfter(this.#patience, 'Nothing');
    if (received < this.#worthwhile) return;
    this.#worthwhile = received + WORTHWHILE_BYTES;
    clearTimeout(this.#slowness);
    this.#slowness = abortAfter(PATIENCES_TO_WORTH * this.#patience, 'Hardly anything');
  }

  stop(): void {
    clearTimeout(this.#silence);
    clearTimeout(this.#slowness);
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
