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
