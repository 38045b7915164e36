/** A small static server for the built pages, with the headers that they are meant to be served with. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { inRepo, isMain, main, say, UserError } from './lib/repo.mjs';

export const SITE = inRepo('dist/site');
const DEFAULT_PORT = 4173;
const PORTS_TRIED = 20;

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.safetensors': 'application/octet-stream',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Nothing may come from, or go to, any other origin: the browser itself keeps the pages' promise. */
export const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "img-src 'self' blob: data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  // No Cross-Origin-Embedder-Policy: it would give TensorFlow.js threads, which it starts from blob: scripts, and those
  // would need a hole in the policy above.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(self), microphone=(), geolocation=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** The file that a request path names inside `root`, or undefined where there is none. */
async function locate(root, pathname) {
  let decoded;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  if (decoded.includes('\0')) return undefined;
  const path = normalize(join(root, decoded));
  if (path !== root && !path.startsWith(root + sep)) return undefined;
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile()) return { path, info };
  if (!info?.isDirectory()) return undefined;
  if (!decoded.endsWith('/')) return { redirect: `${pathname}/` };
  const index = join(path, 'index.html');
  const indexInfo = await stat(index).catch(() => undefined);
  return indexInfo && { path: index, info: indexInfo };
}

/**
 * The part of a file that a request wants (RFC 9110, 14.2), for those who take up a broken download.
 *
 * @returns {{ start: number, end: number } | 'none' | undefined} first and last byte; 'none' if the file has none of
 * them; undefined for the whole file, also where several parts are asked for, or the file is not the one that was begun
 */
function partOf({ method, headers }, etag, size) {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (method !== 'GET' || from === undefined || from + to === '') return undefined;
  if (headers['if-range'] !== undefined && headers['if-range'] !== etag) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  return start <= end ? { start, end } : 'none';
}

async function answer(root, policy, request, response) {
  const headersOfAll = { ...HEADERS, 'Content-Security-Policy': policy };
  const reply = (status, headers, text) => {
    response.writeHead(status, { ...headersOfAll, 'Content-Type': 'text/plain; charset=utf-8', ...headers });
    response.end(text);
  };
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return reply(405, { Allow: 'GET, HEAD' }, 'Only GET and HEAD are answered here.\n');
  }
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const found = await locate(root, pathname);
  if (!found) return reply(404, {}, `Nothing here: ${pathname}\n`);
  if (found.redirect) return reply(301, { Location: found.redirect }, '');
  const { path, info } = found;
  const etag = `"${info.size.toString(36)}-${Math.round(info.mtimeMs).toString(36)}"`;
  const headers = {
    ...headersOfAll,
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Cache-Control': 'no-cache',
    ETag: etag,
    'Accept-Ranges': 'bytes',
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers);
    return response.end();
  }
  const part = partOf(request, etag, info.size);
  if (part === 'none') return reply(416, { 'Content-Range': `bytes */${info.size}` }, 'The file has no such part.\n');
  const { start, end } = part ?? { start: 0, end: info.size - 1 };
  response.writeHead(part ? 206 : 200, {
    ...headers,
    'Content-Length': end - start + 1,
    ...(part ? { 'Content-Range': `bytes ${start}-${end}/${info.size}` } : {}),
  });
  if (request.method === 'HEAD' || info.size === 0) return response.end();
  createReadStream(path, { start, end })
    .on('error', () => response.destroy())
    .pipe(response);
}

const listen = (server, port) =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    // Loopback only: photos and cameras are private, and WebGPU wants a secure context, which localhost is.
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });

/**
 * Serves a folder on localhost.
 *
 * @param {{ root?: string, policy?: string, port?: number, strictPort?: boolean, onRequest?: (path: string) => void }} [options] without `strictPort`, a taken port means the next free one;
 *   `policy` is a Content-Security-Policy to answer with instead of the pages' own; `onRequest` is told of every request
 * @returns {Promise<{ url: string, port: number, close: () => Promise<void> }>}
 */
export async function serve({
  root = SITE,
  policy = POLICY,
  port = portFromEnvironment(),
  strictPort = false,
  onRequest = () => {},
} = {}) {
  const server = createServer((request, response) => {
    onRequest(request.url ?? '/');
    answer(root, policy, request, response).catch(() => response.destroy());
  });
  for (let candidate = port; ; candidate += 1) {
    try {
      await listen(server, candidate);
      break;
    } catch (error) {
      if (error.code === 'EACCES')
        throw new UserError(`Port ${candidate} needs more rights. Set PORT to a number above 1023.`);
      if (error.code !== 'EADDRINUSE') throw error;
      if (strictPort)
        throw new UserError(`Port ${candidate} is taken. Stop what runs there, or set PORT to another number.`);
      if (candidate >= port + PORTS_TRIED || candidate >= 65_535) {
        throw new UserError(`Ports ${port} to ${candidate} are all taken. Set PORT to a free one.`);
      }
      say.note(`port ${candidate} is taken, trying ${candidate + 1}`);
    }
  }
  const actual = server.address().port;
  const close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://localhost:${actual}/`, port: actual, close };
}

function portFromEnvironment() {
  const text = process.env.PORT;
  if (text === undefined || text === '') return DEFAULT_PORT;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UserError(`PORT must be a whole number from 0 to 65535; it is "${text}".`);
  }
  return port;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { url } = await serve({ strictPort: process.argv.includes('--strict-port') });
    say.done(`serving dist/site at ${url}`);
  });
}
