import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServedModel } from './model.js';

/** What a request is answered with instead of the file. */
export type Fault =
  /** The connection ends after this many bytes of the body. */
  | { readonly cutAfter: number }
  /** Nothing more comes after this many bytes, and the connection stays open. */
  | { readonly stallAfter: number }
  | { readonly status: number; readonly retryAfter?: string }
  | { readonly html: true }
  /** The whole file, with this byte changed. */
  | { readonly flip: number }
  /** Ranges are answered with the whole file. */
  | { readonly ignoreRange: true }
  /** Only the first bytes, as if that were the file. */
  | { readonly shorten: number }
  /** The connection is closed before any answer. */
  | { readonly refuse: true };

/** A stream that fails forgets what nobody has read yet, so that a cut comes this many milliseconds after the bytes. */
const READING_TIME = 400;

/** One request and what went out for it. */
export interface Exchange {
  readonly file: string;
  readonly range?: string;
  readonly ifRange?: string;
  status: number;
  /** Bytes of the body that were sent. */
  bytes: number;
  /** True where the client left before the end. */
  aborted: boolean;
}

/** Serves one model with validators and ranges, badly where told so, and keeps a record. */
export class ModelServer {
  readonly trace: Exchange[] = [];
  /** False: no ETag, as with servers that know no validators. */
  etags = true;
  /** Requests that are being answered. */
  open = 0;
  /** The most that were at the same time. */
  mostOpen = 0;
  #model: ServedModel;
  readonly #faults = new Map<string, Fault[]>();

  constructor(model: ServedModel) {
    this.#model = model;
  }

  /** Replaces the model, as a new deployment does. */
  deploy(model: ServedModel): void {
    this.#model = model;
  }

  /** The next requests for a file get these, one each. */
  fail(file: string, ...faults: Fault[]): void {
    this.#faults.set(file, [...(this.#faults.get(file) ?? []), ...faults]);
  }

  /** Forgets the record, and faults that were not met. */
  reset(): void {
    this.trace.length = 0;
    this.#faults.clear();
    this.mostOpen = 0;
    this.etags = true;
  }

  /** Bytes of shards sent since the last reset. */
  get weightBytes(): number {
    return this.trace.filter(({ file }) => file !== 'model.json').reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Answers a request for "model.json" or a shard, whatever folder it is in. */
  answer(request: IncomingMessage, response: ServerResponse): unknown {
    const file = (request.url ?? '').replace(/[?#].*$/, '').replace(/^.*\//, '');
    const { range, 'if-range': ifRange, 'if-none-match': known } = request.headers;
    const exchange: Exchange = {
      file,
      ...(range === undefined ? {} : { range }),
      ...(typeof ifRange === 'string' ? { ifRange } : {}),
      status: 0,
      bytes: 0,
      aborted: false,
    };
    this.trace.push(exchange);
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    response.on('close', () => {
      this.open--;
      exchange.aborted = !response.writableFinished;
    });
    const fault = this.#faults.get(file)?.shift();
    if (fault && 'refuse' in fault) {
      return request.socket.destroy();
    }
    const send = (status: number, headers: Record<string, string | number>, body: Uint8Array, until = body.length) => {
      exchange.status = status;
      response.writeHead(status, { ...headers, 'Content-Length': body.length });
      exchange.bytes = Math.min(until, body.length);
      response.write(body.subarray(0, until), () => {
        if (until >= body.length) response.end();
        else if (fault && 'cutAfter' in fault) setTimeout(() => response.socket?.end(), READING_TIME);
      });
    };
    const text = (status: number, type: string, body: string, more: Record<string, string> = {}) =>
      send(status, { 'Content-Type': type, ...more }, new TextEncoder().encode(body));

    if (fault && 'status' in fault) {
      const headers = fault.retryAfter === undefined ? {} : { 'Retry-After': fault.retryAfter };
      return text(fault.status, 'text/plain', 'No.', headers);
    }
    if (fault && 'html' in fault) return text(200, 'text/html; charset=utf-8', '<!doctype html><title>Welcome</title>');
    let body =
      file === 'model.json'
        ? new TextEncoder().encode(JSON.stringify(this.#model.manifest))
        : this.#model.files.get(file);
    if (!body) return text(404, 'text/plain', 'Not found');
    const etag = `"${createHash('sha1').update(body).digest('hex').slice(0, 16)}"`;
    const headers = {
      'Content-Type': file === 'model.json' ? 'application/json' : 'application/octet-stream',
      'Cache-Control': 'no-cache',
      'Accept-Ranges': 'bytes',
      ...(this.etags ? { ETag: etag } : {}),
    };
    if (known === etag) {
      exchange.status = 304;
      return response.writeHead(304, headers).end();
    }
    if (fault && 'flip' in fault) {
      body = body.slice();
      body[fault.flip] = (body[fault.flip] ?? 0) ^ 1;
    }
    if (fault && 'shorten' in fault) return send(200, headers, body.subarray(0, fault.shorten));
    const until =
      fault && 'cutAfter' in fault ? fault.cutAfter : fault && 'stallAfter' in fault ? fault.stallAfter : undefined;
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const asks = start > 0 && (ifRange === undefined || ifRange === etag) && !(fault && 'ignoreRange' in fault);
    if (!asks) return send(200, headers, body, until);
    if (start >= body.length) return send(416, { 'Content-Range': `bytes */${body.length}` }, new Uint8Array());
    const part = { ...headers, 'Content-Range': `bytes ${start}-${body.length - 1}/${body.length}` };
    return send(206, part, body.subarray(start), until);
  }
}

/** The server on a port of its own. */
export async function listen(models: ModelServer): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer((request, response) => models.answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}/models/model.json`, close };
}
