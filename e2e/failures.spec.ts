import type { Page, Route } from '@playwright/test';
import {
  acceptUntrained,
  analyzeSample,
  card,
  expect,
  isTrained,
  MANIFEST,
  reportEmbedding,
  reportValues,
  test,
  WEIGHTS,
} from './fixtures.js';

test.beforeEach(async ({ page }) => {
  await page.goto('photo/');
});

/** Chooses a photo without waiting for faces. */
async function choose(page: Parameters<typeof acceptUntrained>[0]): Promise<void> {
  await page.getByRole('button', { name: 'Sample photo 3' }).click();
  await acceptUntrained(page);
}

test('a missing manifest is told, and trying again works once it is back', async ({ page }) => {
  await page.route(MANIFEST, (route) => route.fulfill({ status: 404, contentType: 'text/plain', body: 'Not found' }));
  await choose(page);
  await expect(card(page, 'download')).toContainText('The model could not be loaded');
  await expect(card(page, 'download')).toContainText('404');
  await page.unroute(MANIFEST);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('.film').getByRole('status')).toHaveText(/3 faces in/);
});

test('a missing weight file is told', async ({ page }) => {
  await page.route(WEIGHTS, (route) => route.fulfill({ status: 404, contentType: 'text/plain', body: 'Not found' }));
  await choose(page);
  await expect(card(page, 'download')).toContainText('404');
});

test('a connection that fails is told', async ({ page }) => {
  await page.route(WEIGHTS, (route) => route.abort('connectionreset'));
  await choose(page);
  await expect(card(page, 'download')).toBeVisible();
});

test('an HTML error page in place of the manifest is not taken for a model', async ({ page }) => {
  await page.route(MANIFEST, (route) =>
    route.fulfill({ status: 200, contentType: 'text/html', body: '<!doctype html><title>Welcome</title>' }),
  );
  await choose(page);
  await expect(card(page, 'download')).toContainText('HTML page');
});

test('one changed byte in the weights stops the model, by its hash', async ({ page }) => {
  await page.route(WEIGHTS, async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    const middle = Math.floor(body.length / 2);
    body[middle] = (body[middle] ?? 0) ^ 1;
    await route.fulfill({ response, body });
  });
  await choose(page);
  await expect(card(page, 'integrity')).toContainText('failed its check');
  await expect(card(page, 'integrity')).toContainText('SHA-256');
  await expect(page.locator('.overlay .mark')).toHaveCount(0);
});

test('weights cut short are refused', async ({ page }) => {
  await page.route(WEIGHTS, async (route) => {
    const response = await route.fetch();
    const body = (await response.body()).subarray(0, 100_000);
    await route.fulfill({ status: 200, contentType: 'application/octet-stream', body });
  });
  await choose(page);
  await expect(card(page, 'integrity')).toContainText('wrong size');
});

test('without its weights another locator finds the faces, and the page says so', async ({ page }) => {
  const absent = (route: Route) => route.fulfill({ status: 404, body: 'Not found' });
  await page.route('**/face-locator.json', absent);
  await page.route('**/assets/face_landmarker.task', absent);
  await choose(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText(/\d faces? in/);
  const engine = page.getByRole('region', { name: 'How it ran' });
  await expect(engine).toHaveAttribute('data-locator', 'face-api');
  await expect(engine.locator('[data-key="locator"] small')).toBeVisible();
});

/** Takes WebGPU away from the page and from its worker. */
async function withoutWebGpu(page: Page): Promise<void> {
  await page.addInitScript(() => {
    Reflect.deleteProperty(Navigator.prototype, 'gpu');
  });
  await page.route('**/code/worker-*.js', async (route) => {
    const response = await route.fetch();
    const body = `Reflect.deleteProperty(WorkerNavigator.prototype, 'gpu');\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
}

test('without WebGPU the answers come from WebAssembly, say so, and agree', async ({ page, context }) => {
  await page.goto('photo/?engine=webgpu');
  await analyzeSample(page, 3);
  const engine = page.getByRole('region', { name: 'How it ran' });
  await expect(engine).toHaveAttribute('data-engine', 'webgpu');
  const onGpu = { values: await reportValues(page), embedding: await reportEmbedding(page) };
  await page.close();

  const other = await context.newPage();
  await withoutWebGpu(other);
  await other.goto('photo/');
  await analyzeSample(other, 3);
  const fallback = other.getByRole('region', { name: 'How it ran' });
  await expect(fallback).toHaveAttribute('data-engine', 'wasm');
  await expect(fallback).toHaveAttribute('data-thread', 'worker');
  await expect(fallback.locator('[data-key="engine"] small')).toContainText('There is no WebGPU here');
  const values = await reportValues(other);
  expect([...values.keys()]).toEqual([...onGpu.values.keys()]);
  for (const [key, value] of values) {
    // The two engines cut the crops with different code (GPU and CPU bilinear sampling); networks agree to 2e-3.
    const tolerance = key === 'Age' && isTrained ? 0.2 : 5e-3;
    expect(Math.abs(value - (onGpu.values.get(key) ?? Number.NaN)), key).toBeLessThan(tolerance);
  }
  const embedding = await reportEmbedding(other);
  const cosine = embedding.reduce((sum, value, i) => sum + value * (onGpu.embedding[i] ?? 0), 0);
  expect(cosine).toBeGreaterThan(0.999);
});

test('a sample that the set-up did not copy is told', async ({ page }) => {
  await page.route('**/samples/sample2.jpg', (route) => route.fulfill({ status: 404, body: 'Not found' }));
  await page.getByRole('button', { name: 'Sample photo 2' }).click();
  await expect(page.getByRole('alert')).toContainText('The sample photo did not come');
});
