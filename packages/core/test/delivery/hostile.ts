import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { ServedModel } from './model.js';

/** What one request for a file is answered with. `body` is what an honest server would send. */
export type Answer = (response: ServerResponse, body: Buffer, request: IncomingMessage, count: number) => void;

/** A server that wants something else than to serve a model. */
export interface Behaviour {
  /** How a shard is answered, or the manifest; honestly by default. */
  readonly shard?: Answer;
  readonly manifest?: Answer;
  /** Times faster than real that the client's clock goes, for behaviours that wear patience out. Default 20. */
  readonly speed?: number;
  /** What must come of it: part of the error's code and message, or `loads`. */
  readonly gives: RegExp | 'loads';
}

const BINARY = { 'content-type': 'application/octet-stream' };
// The client's clock is sped up in tests; the server's is not.
const { setTimeout: later, setInterval: every, clearInterval: never } = globalThis;
/** Bytes gone out before a connection breaks are read by then. */
const READING_TIME = 60;

const send =
  (status: number, headers: Record<string, string> = BINARY, text = 'No.'): Answer =>
  (response) =>
    response.writeHead(status, headers).end(text);
const honest: Answer = (response, body) =>
  response.writeHead(200, { ...BINARY, 'content-length': body.length }).end(body);
const altered =
  (change: (body: Buffer) => Uint8Array): Answer =>
  (response, body) =>
    response.writeHead(200, BINARY).end(change(Buffer.from(body)));
const raw =
  (...lines: string[]): Answer =>
  (response) =>
    response.socket?.end(lines.join('\r\n'));
/** Breaks off after so many bytes, which may depend on how often it was asked. */
const cut =
  (after: (count: number) => number, headers: Record<string, string> = BINARY): Answer =>
  (response, body, _, count) => {
    response.writeHead(200, headers).write(body.subarray(0, after(count)));
    later(() => response.socket?.destroy(), READING_TIME);
  };
/** Breaks the first answer off half-way; what is asked for then comes so. */
const thenResumed =
  (resumed: Answer): Answer =>
  (response, body, request, count) =>
    request.headers.range === undefined
      ? cut(() => body.length / 2, { ...BINARY, etag: '"1"' })(response, body, request, count)
      : resumed(response, body, request, count);
/** Goes on with whatever `next` gives, for as long as anyone reads. */
const endless =
  (headers: Record<string, string>, milliseconds: number, next: (count: number) => string | Uint8Array): Answer =>
  (response) => {
    response.writeHead(200, headers);
    let count = 0;
    const timer = every(() => {
      if (response.writableLength < 2 ** 20) response.write(next(count++));
    }, milliseconds);
    response.on('close', () => never(timer));
  };
const zeros = Buffer.alloc(2 ** 20);
const bomb = gzipSync(Buffer.alloc(512 * 2 ** 20));

/** Of servers that answer for a shard. */
export const SHARDS: Readonly<Record<string, Behaviour>> = {
  'honest, which all others are compared with': { shard: honest, gives: 'loads' },
  '404': { shard: send(404), gives: /MODEL_DOWNLOAD.*404/ },
  '500 always': { shard: send(500), gives: /MODEL_DOWNLOAD.*500/ },
  'nothing, in earnest (204)': { shard: (response) => response.writeHead(204).end(), gives: /MODEL_DOWNLOAD.*204/ },
  'not modified, though never asked (304)': {
    shard: (response) => response.writeHead(304).end(),
    gives: /MODEL_DOWNLOAD.*304/,
  },
  'a part, though the whole was asked for (206)': { shard: send(206), gives: /MODEL_DOWNLOAD.*206/ },
  'a page': { shard: send(200, { 'content-type': 'text/html' }, '<h1>Hi</h1>'), gives: /MODEL_DOWNLOAD.*HTML/ },
  'a page that says it is none': {
    shard: (response) => response.writeHead(200, { ...BINARY, 'content-length': 11 }).end('<h1>Hi</h1>'),
    gives: /WEIGHTS_INVALID.*size/,
  },
  'a redirect to itself': { shard: send(302, { location: '?again' }), gives: /MODEL_DOWNLOAD/ },
  'a redirect to a file on the disk': { shard: send(302, { location: 'file:///etc/hosts' }), gives: /MODEL_DOWNLOAD/ },
  'a redirect to data': { shard: send(302, { location: 'data:,x' }), gives: /MODEL_DOWNLOAD|WEIGHTS_INVALID/ },
  'a redirect to nowhere': { shard: send(302, { location: 'http://127.0.0.1:1/' }), gives: /MODEL_DOWNLOAD/ },
  'a redirect without an address': { shard: send(302, {}), gives: /MODEL_DOWNLOAD/ },
  'a redirect to where it really is': {
    shard: (response, body, request, count) =>
      count === 0
        ? send(307, { location: '?here' })(response, body, request, count)
        : honest(response, body, request, count),
    gives: 'loads',
  },
  'half of it, and says so': {
    shard: (response, body) =>
      response.writeHead(200, { ...BINARY, 'content-length': body.length / 2 }).end(body.subarray(0, body.length / 2)),
    gives: /WEIGHTS_INVALID.*size/,
  },
  'half of it in chunks, every time': {
    shard: (response, body) => response.writeHead(200, BINARY).end(body.subarray(0, body.length / 2)),
    gives: /MODEL_DOWNLOAD.*ended after/,
  },
  'half of it, and says more': {
    shard: (response, body) => {
      response
        .writeHead(200, { ...BINARY, 'content-length': 2 * body.length })
        .write(body.subarray(0, body.length / 2));
      later(() => response.socket?.destroy(), READING_TIME);
    },
    gives: /MODEL_DOWNLOAD.*failed/,
  },
  'all of it, and says less': {
    shard: (response, body) => {
      response.socket?.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n');
      response.socket?.end(body);
    },
    gives: /WEIGHTS_INVALID|MODEL_DOWNLOAD/,
  },
  'a byte more': {
    shard: altered((body) => Buffer.concat([body, zeros.subarray(0, 1)])),
    gives: /WEIGHTS_INVALID.*longer/,
  },
  'a body without end': { shard: endless(BINARY, 1, () => zeros), gives: /WEIGHTS_INVALID.*longer/ },
  'a changed bit': {
    shard: altered((body) => body.fill((body[999] ?? 0) ^ 1, 999, 1000)),
    gives: /WEIGHTS_INVALID.*SHA-256/,
  },
  'zeros of the right length': { shard: altered((body) => body.fill(0)), gives: /WEIGHTS_INVALID.*SHA-256/ },
  'no answer': { shard: () => {}, speed: 200, gives: /MODEL_DOWNLOAD/ },
  'headers, then silence': {
    shard: (response) => response.writeHead(200, BINARY).flushHeaders(),
    speed: 200,
    gives: /MODEL_DOWNLOAD/,
  },
  'a byte now and then': { shard: endless(BINARY, 4, () => 'x'), speed: 400, gives: /MODEL_DOWNLOAD/ },
  'hangs up': { shard: (response) => response.socket?.destroy(), gives: /MODEL_DOWNLOAD.*failed/ },
  'hangs up twice, then honest': {
    shard: (response, body, request, count) =>
      count < 2 ? response.socket?.destroy() : honest(response, body, request, count),
    gives: 'loads',
  },
  'breaks off at the same place for ever': { shard: cut(() => 500_000), gives: /MODEL_DOWNLOAD.*failed/ },
  'breaks off a little later each time, from the start': {
    shard: cut((count) => 1_000_000 + 70_000 * count),
    gives: /MODEL_DOWNLOAD.*failed/,
  },
  'refuses to resume (416)': { shard: thenResumed(send(416)), gives: /MODEL_DOWNLOAD.*another part/ },
  'resumes somewhere else': {
    shard: thenResumed((response, body) =>
      response
        .writeHead(206, { ...BINARY, 'content-range': `bytes 7-${body.length - 1}/${body.length}` })
        .end(body.subarray(7)),
    ),
    gives: /MODEL_DOWNLOAD.*another part/,
  },
  'resumes with something else': {
    shard: thenResumed((response, body) => response.writeHead(206, BINARY).end(Buffer.alloc(body.length / 2))),
    gives: /WEIGHTS_INVALID.*(SHA-256|size)/,
  },
  'resumes without end': {
    shard: thenResumed((response) => endless(BINARY, 1, () => zeros)(response, zeros, {} as never, 0)),
    gives: /WEIGHTS_INVALID.*longer/,
  },
  'resumes in gzip': {
    shard: thenResumed((response, body) =>
      response.writeHead(206, { ...BINARY, 'content-encoding': 'gzip' }).end(gzipSync(body)),
    ),
    gives: /MODEL_DOWNLOAD.*another part/,
  },
  'half a gigabyte in half a megabyte of gzip': {
    shard: (response) => response.writeHead(200, { ...BINARY, 'content-encoding': 'gzip' }).end(bomb),
    gives: /WEIGHTS_INVALID.*longer/,
  },
  'gzip, honestly': {
    shard: (response, body) => response.writeHead(200, { ...BINARY, 'content-encoding': 'gzip' }).end(gzipSync(body)),
    gives: 'loads',
  },
  'gzip that is none': {
    shard: (response, body) => response.writeHead(200, { ...BINARY, 'content-encoding': 'gzip' }).end(body),
    gives: /MODEL_DOWNLOAD.*failed/,
  },
  'an encoding that does not exist': {
    shard: (response, body) => response.writeHead(200, { ...BINARY, 'content-encoding': 'x-none' }).end(body),
    gives: 'loads',
  },
  'another protocol': { shard: raw('SSH-2.0-OpenSSH_9.9', ''), gives: /MODEL_DOWNLOAD.*failed/ },
  'a header of a megabyte': {
    shard: (response, body) => response.writeHead(200, { ...BINARY, 'x-long': 'x'.repeat(2 ** 20) }).end(body),
    gives: /MODEL_DOWNLOAD.*failed/,
  },
  'come back in an hour': { shard: send(503, { 'retry-after': '3600' }), gives: /MODEL_DOWNLOAD.*60 minutes/ },
  'come back never': { shard: send(503, { 'retry-after': '9'.repeat(400) }), gives: /MODEL_DOWNLOAD.*503/ },
  'come back yesterday': { shard: send(503, { 'retry-after': '-1' }), gives: /MODEL_DOWNLOAD.*503/ },
};

/** Bytes of a shard that its manifest vouches for, and what must come of them. */
export const TRUSTED: Readonly<Record<string, readonly [change: (file: Buffer) => Uint8Array, gives: RegExp]>> = {
  'a header of 2 to the 63rd': [withHeaderLength(2n ** 63n), /header claims/],
  'a header of nothing': [withHeaderLength(0n), /not JSON/],
  'a header that is no JSON': [(file) => file.fill('x', 8, 9), /not JSON/],
  'a tensor twice in the header': [
    withHeader((header) => header.replace(/^\{("[^"]+":\{[^}]*\}),/, (whole, first) => `${whole}${first},`)),
    /loads/,
  ],
  'tensors that overlap': [
    withHeader((header) =>
      header
        .replace(/\[(\d+),(\d+)\]/, '[0,$2]')
        .replace(/"data_offsets":\[\d+,(\d+)\]\}\}/, '"data_offsets":[0,$1]}}'),
    ),
    /starts at/,
  ],
  'a tensor that ends past the end': [
    withHeader((header) => header.replace(/,(\d+)\]\}\}/, ',9$1]}}')),
    /spans|ends at/,
  ],
  'a tensor of another name': [withHeader((header) => header.replace('"backbone', '"backdoor')), /does not list|lacks/],
  'a tensor called __proto__': [
    withHeader((header) => header.replace(/^\{"[^"]+"/, '{"__proto__"')),
    /starts at|does not list|lacks/,
  ],
  'a shape with a fraction': [withHeader((header) => header.replace(/"shape":\[(\d+)/, '"shape":[$1.5')), /shape/],
  'a NaN': [(file) => file.fill(0xff, file.length - 4), /holds NaN/],
  'an infinity': [(file) => Buffer.concat([file.subarray(0, -4), Buffer.from([0, 0, 0x80, 0x7f])]), /holds Infinity/],
};

function withHeaderLength(length: bigint): (file: Buffer) => Uint8Array {
  return (file) => {
    file.writeBigUInt64LE(length);
    return file;
  };
}

function withHeader(change: (header: string) => string): (file: Buffer) => Uint8Array {
  return (file) => {
    const length = Number(file.readBigUInt64LE());
    const header = Buffer.from(change(file.toString('utf8', 8, 8 + length).trimEnd()));
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([prefix, header, file.subarray(8 + length)]);
  };
}

/** A model whose first shard was changed, with a manifest that vouches for the change. */
export function vouched({ manifest, files }: ServedModel, change: (file: Buffer) => Uint8Array): ServedModel {
  const [first, ...rest] = manifest.shards;
  if (!first) throw new Error('There is no shard.');
  const file = change(Buffer.from(files.get(first.file) ?? []));
  const sha256 = createHash('sha256').update(file).digest('hex');
  const shards = [{ ...first, bytes: file.length, sha256 }, ...rest];
  return { manifest: { ...manifest, shards }, files: new Map([...files, [first.file, file]]) };
}
