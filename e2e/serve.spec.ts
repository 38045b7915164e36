import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import { serve } from '../scripts/serve.mjs';

test('answers with the right types and headers', async ({ request }) => {
  const page = await request.get('photo/');
  expect(page.headers()['content-type']).toBe('text/html; charset=utf-8');
  const policy = page.headers()['content-security-policy'] ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|https?:|\*/);
  for (const [path, type] of [
    ['assets/mediapipe/vision_wasm_module_internal.wasm', 'application/wasm'],
    ['assets/mediapipe/vision_wasm_module_internal.js', 'text/javascript; charset=utf-8'],
    ['assets/samples/sample1.jpg', 'image/jpeg'],
    ['favicon.svg', 'image/svg+xml'],
  ] as const) {
    const response = await request.head(path);
    expect(response.status(), path).toBe(200);
    expect(response.headers()['content-type'], path).toBe(type);
  }
});

test('a file that did not change is not sent again', async ({ request }) => {
  const first = await request.get('favicon.svg');
  const etag = first.headers().etag ?? '';
  const second = await request.get('favicon.svg', { headers: { 'If-None-Match': etag } });
  expect(second.status()).toBe(304);
  expect(await second.body()).toHaveLength(0);
});

test('parts of a file come as asked for, and only of the file that was begun', async ({ request }) => {
  const whole = await request.get('favicon.svg');
  const body = await whole.body();
  const etag = whole.headers().etag ?? '';
  const part = async (headers: Record<string, string>) => {
    const response = await request.get('favicon.svg', { headers });
    return { status: response.status(), range: response.headers()['content-range'], body: await response.body() };
  };
  const size = body.length;
  for (const [range, start, end] of [
    ['bytes=10-', 10, size - 1],
    ['bytes=0-0', 0, 0],
    ['bytes=5-9', 5, 9],
    ['bytes=-7', size - 7, size - 1],
    [`bytes=5-${size + 100}`, 5, size - 1],
  ] as const) {
    const expected = { status: 206, range: `bytes ${start}-${end}/${size}`, body: body.subarray(start, end + 1) };
    expect(await part({ Range: range }), range).toEqual(expected);
    expect(await part({ Range: range, 'If-Range': etag }), range).toEqual(expected);
    expect(await part({ Range: range, 'If-Range': '"another"' }), range).toMatchObject({ status: 200, body });
  }
  expect(await part({ Range: `bytes=${size}-` })).toMatchObject({ status: 416, range: `bytes */${size}` });
  for (const range of ['bytes=9-5', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-']) {
    expect(await part({ Range: range }), range).toMatchObject({ status: 200, body });
  }
});

test('missing files are missing, and other methods refused', async ({ request }) => {
  const missing = await request.get('assets/nothing.json');
  expect(missing.status()).toBe(404);
  expect(missing.headers()['content-type']).not.toContain('html');
  expect((await request.post('photo/', { data: 'x' })).status()).toBe(405);
  expect((await request.get('photo', { maxRedirects: 0 })).headers().location).toBe('/photo/');
});

test('nothing outside the folder is served', async ({ baseURL }) => {
  const { port } = new URL(baseURL ?? '');
  // Clients tidy such paths up before they send them: this one does not.
  const status = (path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      httpRequest({ host: '127.0.0.1', port, path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
  for (const path of [
    '/../package.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/photo/%00',
    '/%',
  ]) {
    expect(await status(path), path).toBe(404);
  }
});

test('a taken port means the next free one, or a clear error where that is not wanted', async () => {
  const other: Server = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const server = await serve({ port });
  expect(server.port).toBeGreaterThan(port);
  await expect(serve({ port, strictPort: true })).rejects.toThrow(`Port ${port} is taken`);
  await server.close();
  other.close();
});
