import type { Page } from '@playwright/test';
import { acceptUntrained, card, expect, isTrained, reportValues, screenPath, test } from './fixtures.js';

/** Keeps the streams that the page was given, to see whether it lets go of them. */
const keepStreams = () => {
  const streams: MediaStream[] = [];
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await original(constraints);
    streams.push(stream);
    return stream;
  };
  Object.assign(globalThis, { streams });
};

const trackStates = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as { streams: MediaStream[] }).streams.flatMap((stream) =>
      stream.getTracks().map((track) => track.readyState),
    ),
  );

/** Makes `getUserMedia` fail as a browser would. */
const failingCamera = (page: Page, name: string) =>
  page.addInitScript((errorName) => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('as a test wants it', errorName));
  }, name);

async function start(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start the camera' }).click();
}

test('analyses the camera after a click, mirrored, until it is stopped; and again', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.addInitScript(keepStreams);
  await page.goto('webcam/?engine=webgpu');
  expect(await trackStates(page)).toEqual([]);
  await start(page);
  await acceptUntrained(page);
  await expect(page.getByText('Camera on')).toBeVisible();
  await expect(page.locator('.film').getByRole('status')).toHaveText('1 face in view');
  await expect(page.locator('.film')).toContainText(/\d fps/);
  await expect(page.getByRole('region', { name: 'How it ran' })).toHaveAttribute('data-engine', 'webgpu');

  // The face is in the left third of the camera's picture, hence in the right third of the mirror.
  await expect(page.locator('video')).toHaveCSS('transform', 'matrix(-1, 0, 0, 1, 0, 0)');
  // Measured in one go: the overlay is drawn anew for every frame.
  const centre = await page.evaluate(() => {
    const frame = document.querySelector('video')?.getBoundingClientRect();
    const box = document.querySelector('.overlay .target')?.getBoundingClientRect();
    return frame && box ? (box.x + box.width / 2 - frame.x) / frame.width : Number.NaN;
  });
  expect(centre).toBeGreaterThan(0.6);
  expect(centre).toBeLessThan(0.8);
  const values = await reportValues(page);
  expect(values.size).toBe(2 + 7 + 1 + 39);
  for (const [key, value] of values) expect(value, key).not.toBeNaN();
  await page.screenshot({ path: screenPath('webcam'), fullPage: true });

  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(card(page, 'camera-off')).toBeVisible();
  await expect(page.getByText('Camera on')).toBeHidden();
  expect(await trackStates(page)).toEqual(['ended']);

  await start(page);
  await expect(page.locator('.film').getByRole('status')).toHaveText('1 face in view');
  expect(await trackStates(page)).toEqual(['ended', 'live']);
  await page.getByRole('link', { name: 'Photo' }).click();
  await expect(page).toHaveURL(/photo\/$/);
});

test('a camera that goes away is told', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.addInitScript(keepStreams);
  await page.goto('webcam/');
  await start(page);
  await acceptUntrained(page);
  await expect(page.getByText('Camera on')).toBeVisible();
  await page.evaluate(() => {
    const [stream] = (globalThis as unknown as { streams: MediaStream[] }).streams;
    stream?.getVideoTracks()[0]?.dispatchEvent(new Event('ended'));
  });
  await expect(card(page, 'camera-absent')).toBeVisible();
  expect(await trackStates(page)).toEqual(['ended']);
});

test('a denied camera gets a clear answer, and can be tried again', async ({ page, context }) => {
  // Nobody is there to answer the browser's question, which denies.
  await page.goto('webcam/');
  await start(page);
  await acceptUntrained(page);
  await expect(card(page, 'camera-denied')).toContainText('Allow the camera');
  await expect(page.getByText('Camera on')).toBeHidden();
  await context.grantPermissions(['camera']);
  await page.getByRole('button', { name: 'Start again' }).click();
  await expect(page.getByText('Camera on')).toBeVisible();
});

for (const [name, state] of [
  ['NotFoundError', 'camera-absent'],
  ['NotReadableError', 'camera-busy'],
] as const) {
  test(`${name} is told as ${state}`, async ({ page }) => {
    await failingCamera(page, name);
    await page.goto('webcam/');
    await start(page);
    await acceptUntrained(page);
    await expect(card(page, state)).toBeVisible();
  });
}

test('a browser without camera access is told at once', async ({ page }) => {
  await page.addInitScript(() => Reflect.deleteProperty(Navigator.prototype, 'mediaDevices'));
  await page.goto('webcam/');
  await expect(card(page, 'camera-unsupported')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Start the camera' })).toHaveCount(0);
});

test('a missing model is told on the webcam page too, and the camera goes off', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.addInitScript(keepStreams);
  await page.route(isTrained ? '**/assets/models/**' : '**/assets/untrained/**', (route) =>
    route.fulfill({ status: 404, contentType: 'text/plain', body: 'Not found' }),
  );
  await page.goto('webcam/');
  await start(page);
  await acceptUntrained(page);
  await expect(card(page, 'download')).toBeVisible();
  expect(await trackStates(page)).toEqual(['ended']);
});
