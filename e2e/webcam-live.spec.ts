import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { acceptUntrained, expect, labelTrouble, screenPath, test } from './fixtures.js';

const start = async (page: Page) => {
  await page.getByRole('button', { name: 'Start the camera' }).click();
  await acceptUntrained(page);
  await expect(page.getByRole('status').first()).toHaveText(/1 face in view/);
};

const timeline = (page: Page) => page.getByRole('region', { name: 'The last half minute' });

/** How many columns of the expressions' picture have something in them. */
const columnsSeen = (page: Page) =>
  timeline(page)
    .locator('canvas')
    .evaluate((canvas) => {
      if (!(canvas instanceof HTMLCanvasElement)) throw new TypeError('not a canvas');
      const { width, height } = canvas;
      const data = canvas.getContext('2d')?.getImageData(0, 0, width, height).data ?? new Uint8ClampedArray();
      let seen = 0;
      for (let x = 0; x < width; x += 1) {
        for (let y = 0; y < height; y += 1) {
          if ((data[4 * (y * width + x) + 3] ?? 0) > 0) {
            seen += 1;
            break;
          }
        }
      }
      return seen;
    });

test('the last half minute grows while a face is in view, and is told in words', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  await expect(timeline(page)).toBeHidden();
  await start(page);
  await expect(timeline(page)).toHaveAttribute('data-face', /^\d+$/);
  await expect.poll(() => columnsSeen(page)).toBeGreaterThan(0);
  // A machine that stalls loses track of the face, and its past begins anew: any growth will do.
  await expect.poll(() => columnsSeen(page)).toBeGreaterThan(8);
  await expect(timeline(page).getByRole('img')).toHaveAttribute(
    'aria-label',
    /^Face \d+ over the last half minute: apparent age (\d+|between \d+ and \d+), expression mostly \w+\.$/,
  );
  // The marked row is the expression that the report marks.
  await expect(async () => {
    const marked = await timeline(page).locator('[data-marked]').textContent({ timeout: 1000 });
    await expect(page.locator(`.report [data-key="Expression/${marked}"]`)).toHaveAttribute('data-marked', '', {
      timeout: 1000,
    });
  }).toPass();
  await expect(timeline(page).locator('.age-line')).toHaveAttribute('d', /^M\d+ \d/);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(timeline(page)).toBeHidden();
});

test('what was said last stays, dimmed, while no face is in view, and time goes on', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  await start(page);
  const report = page.locator('.report').first();
  await expect(report).toContainText('Apparent age');
  await expect.poll(() => columnsSeen(page)).toBeGreaterThan(3);
  const letSee = (enabled: boolean) =>
    page.locator('video').evaluate((video, enabled) => {
      // A camera that is covered: its frames are black.
      const stream = (video as HTMLVideoElement).srcObject as MediaStream;
      for (const track of stream.getVideoTracks()) track.enabled = enabled;
    }, enabled);
  await letSee(false);
  await expect(page.getByRole('status').first()).toHaveText(/No face in view/);
  await expect(report).toHaveAttribute('data-past', '');
  await expect(report).toContainText('Apparent age');
  await expect(timeline(page)).toBeVisible();
  await letSee(true);
  await expect(page.getByRole('status').first()).toHaveText(/1 face in view/);
  await expect(report).not.toHaveAttribute('data-past');
});

test('how well the machine keeps up is measured, not made up', async ({ page, context }) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  await start(page);
  const engine = page.getByRole('region', { name: 'How it ran' });
  const value = async (key: string) => Number(await engine.locator(`[data-key="${key}"]`).getAttribute('data-value'));
  await expect.poll(() => value('rate')).toBeGreaterThan(0);
  await expect.poll(() => value('analyses')).toBeGreaterThan(0);
  // The fake camera gives 20 frames a second; on a busy machine most are skipped, and the rest cannot be more.
  expect(await value('rate')).toBeLessThan(31);
  expect(await value('latency')).toBeGreaterThan(0);
  expect(await value('dropped')).toBeGreaterThanOrEqual(0);
  await expect(engine.locator('[data-key="dropped"] .figure')).toHaveText(/^\d+ of \d+$/);
  const stage = async (key: string) => {
    const text = (await engine.locator(`.stages [data-stage="${key}"] dd`).textContent()) ?? '';
    return Number.parseFloat(text) * (/ ms$/.test(text) ? 1 : 1000);
  };
  for (const key of ['locate', 'network', 'total']) expect(await stage(key), key).toBeGreaterThan(0);
  // A frame's answer cannot be there before its stages are over; twice as much for the mean of a moving window.
  expect(await value('latency')).toBeGreaterThan((await stage('locate')) / 2);
  await expect(engine.locator('[data-key="engine"]')).toContainText(/in (a worker|the page)/);
});

test('what the network looked at is shown of the moment at which somebody asks, and stays', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['camera']);
  await page.goto('webcam/');
  const panel = page.getByRole('region', { name: 'What the network looked at' });
  await expect(panel).toBeHidden();
  await start(page);
  await expect(panel).toBeVisible();
  const figures = panel.locator('figure');
  await expect(figures).toHaveCount(0);
  await panel.getByRole('button').press('Enter');
  await expect(figures).toHaveCount(3);
  await expect(panel.getByRole('status')).toHaveText(/^Face \d+, as it was when you asked\..*not why it answers so\.$/);
  const pixels = () =>
    figures.locator('canvas').evaluateAll((all) =>
      all.map((canvas) => {
        if (!(canvas instanceof HTMLCanvasElement)) throw new TypeError('not a canvas');
        const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
        let warm = 0;
        for (let i = 0; i < data.length; i += 4) if ((data[i] ?? 0) > 150) warm += 1;
        return warm / (data.length / 4);
      }),
    );
  const asked = await pixels();
  const labels = await figures
    .locator('canvas')
    .evaluateAll((all) => all.map((canvas) => canvas.getAttribute('aria-label') ?? ''));
  // The picture is darkened to at most 140 of 255: what is brighter glows. Where a place speaks for the answer something
  // does, and not everything; nothing need speak for a young face's age, but then the label says so.
  const silent = labels.map((label) => label.endsWith('no place speaks for it'));
  expect(silent.filter((nothing) => !nothing).length).toBeGreaterThanOrEqual(2);
  for (const [i, warm] of asked.entries()) {
    if (silent[i]) expect(warm, labels[i]).toBeLessThan(0.005);
    else expect(warm, labels[i]).toBeGreaterThan(0.005);
    expect(warm, labels[i]).toBeLessThan(0.98);
  }
  const seen = await columnsSeen(page);
  await expect.poll(() => columnsSeen(page)).not.toBe(seen);
  expect(await pixels()).toEqual(asked);
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(panel).toBeHidden();
  await expect(figures).toHaveCount(0);
});

const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

for (const [name, colorScheme, width] of [
  ['light', 'light', 1440],
  ['dark', 'dark', 1440],
  ['narrow', 'light', 390],
] as const) {
  test(`webcam page, ${name}: fits, and axe finds nothing, off, running and with somebody named`, async ({
    page,
    context,
  }) => {
    await context.grantPermissions(['camera']);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.goto('webcam/');
    const check = async (state: string) => {
      expect.soft(await overflow(page), state).toBe(0);
      await page.screenshot({ path: screenPath(`webcam-${name}-${state}`), fullPage: true });
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect
        .soft(
          violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
          state,
        )
        .toEqual([]);
    };
    await check('off');
    await start(page);
    await expect.poll(() => columnsSeen(page)).toBeGreaterThan(8);
    await check('running');
    await page.getByRole('textbox', { name: 'Name' }).fill('Ada Lovelace');
    // From the keyboard, as a form is sent.
    await page.keyboard.press('Enter');
    await expect(page.getByRole('region', { name: 'Who is it?' }).getByRole('status')).toHaveText(/is enrolled\.$/);
    expect.soft(await labelTrouble(page.locator('.film'))).toEqual([]);
    const looked = page.getByRole('region', { name: 'What the network looked at' });
    await looked.getByRole('button').click();
    await expect(looked.locator('figure')).toHaveCount(3);
    await check('named');
    // Everything there is to press can be reached with the keyboard.
    const wanted = new Set([
      'Name',
      'Forget Ada Lovelace',
      'Forget everyone',
      'match-rate',
      'Stop',
      'Show what the network looked at',
    ]);
    for (let i = 0; i < 40 && wanted.size > 0; i += 1) {
      await page.keyboard.press('Tab');
      const names = await page.evaluate(() => {
        const { activeElement: at } = document;
        const label = at instanceof HTMLInputElement ? at.labels?.[0]?.textContent : undefined;
        return [at?.getAttribute('aria-label'), at?.textContent, at?.id, label].map((text) => text ?? '');
      });
      for (const each of names) wanted.delete(each.trim());
    }
    expect([...wanted]).toEqual([]);
  });
}
